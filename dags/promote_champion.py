"""Which models are used? For every dataset that has a new result: does it bring a better model than the champion?

* `judge` compares the newest result with the champion, on the present test part, and decides by the rules of the
  section `[promotion]` of the configuration. A candidate that does not pass ends there, with its reason in the log.
* `approve` asks a person, where the rules say so: see *Required Actions*. It waits without a worker.
* `promote` makes the candidate the champion, or records why not.

A run starts when `compare_image_models` has a result. A run that waits ends when a newer candidate passes the gate.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TaskGroup, TriggerRule, task
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from dags.approval import Approval
from dags.assets import CANDIDATES, any_of, asked, candidate, passed
from dags.notifications.operators import notify
from dags.notifications.promotion import DECIDED, WAITING, decided, waiting
from dags.parsing import needed
from dags.site import surroundings
from dags.stage_operators import command, defaults
from dags.task_states import ended
from dags.trigger_form import several
from tasks.settings.loading import configured
from tasks.settings.workflow import JUDGE, PROMOTE, PROMOTE_DAG_ID

CONFIGURATION = configured(surroundings())
ORCHESTRATION = CONFIGURATION.orchestration
# A dataset has one run that waits, and one that takes its place.
RUNS = max(16, 2 * len(CONFIGURATION.datasets))


@task.branch(doc_md="Choose the datasets of the asset events, or those of the form; the others are skipped at once.")
def datasets(params: Any = None, triggering_asset_events: Any = None) -> list[str]:
    """The first tasks of the datasets that this run is about."""
    wanted = asked(params, triggering_asset_events, CANDIDATES)["datasets"]
    return [f"{name}.{JUDGE.name}" for name in wanted if name in CONFIGURATION.datasets]


def promotion(dataset: str) -> tuple[list[Any], list[Any]]:
    """The group of one dataset; returns the tasks that a run without it skips at once, and those that come last."""
    title = CONFIGURATION.datasets[dataset].title
    with TaskGroup(dataset, tooltip=title):
        judge = command(JUDGE, ORCHESTRATION, dataset=dataset, outlets=[passed(dataset)])
        approve = Approval(
            task_id="approve",
            doc_md="Ask a person whether the candidate may become the champion, where the rules say so.",
            dataset=dataset,
            title=title,
            look=timedelta(seconds=ORCHESTRATION.approval_look_seconds),
        )
        answer = {"APPROVAL": f"{{{{ ti.xcom_pull(task_ids={approve.task_id!r}) | tojson }}}}"}
        promote = command(PROMOTE, ORCHESTRATION, dataset=dataset, env=answer)
        judge >> approve >> promote
        telling = tell_of(dataset, title, judge, promote)
        return [judge, *telling], [promote, *telling]


def tell_of(dataset: str, title: str, judge: Any, promote: Any) -> list[Any]:
    """Tell people that a candidate waits, while it does, and what became of it; returns the tasks that do."""
    told = CONFIGURATION.notifications
    asking = waiting(dataset, title)  # nobody where the gate let no candidate pass
    at_judge = notify(told, asking, WAITING, group="notify_waiting", rule=TriggerRule.ALL_SUCCESS)
    at_end = notify(told, decided(dataset, title), DECIDED)
    judge >> at_judge
    promote >> at_end
    return [*at_judge, *at_end]


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0, doc_md="Fail the run when anything in it failed, and name it.")
def complete(run_id: str | None = None, ti: Any = None) -> None:
    """Succeed when every task of the run did, or was skipped; what tells people is not counted.

    Raises:
        AirflowFailException: tasks failed, or were taken away; it names them.
    """
    if failed := ended(ti, run_id, "failed", "removed", dag_id=PROMOTE_DAG_ID):
        raise AirflowFailException(f"failed: {', '.join(failed)}; their logs say why")


with DAG(
    PROMOTE_DAG_ID,
    description="Which models are used?",
    doc_md=__doc__,
    schedule=any_of(map(candidate, CONFIGURATION.datasets)),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=RUNS,
    tags=["image models", "champions"],
    default_args=defaults(ORCHESTRATION),
) as dag:
    chosen, end = datasets(), complete()
    for name in needed(CONFIGURATION.datasets):
        first, last = promotion(name)
        chosen >> first
        last >> end
    # Last, since Airflow copies the form of a DAG into each task that is made after it.
    dag.params = ParamsDict({"datasets": several(CONFIGURATION, "datasets", "The datasets to judge.")})
