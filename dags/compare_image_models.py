"""Is a CNN really better than an ANN at the same parameter count, by how much, and what does it cost?

For every dataset: fetch, normalize, then for each family, at each budget, a hyper-parameter search in shards and the
choice among their trials, several trainings under their own seeds, and one evaluation on the test part. `report` joins
whatever finished into one comparison; a branch that failed is a named gap in it. `candidates` creates an asset event
for each dataset that has a result, and `promote_champion` judges it. `complete` comes last, and ends the run as failed
when anything in it failed.

* **Start** a run with the form (*Trigger*), with `make run`, or let the schedule do it, or a dataset that has changed.
* **Read** the result on the run's tab *Comparison report*. The `report` task has a button to it on its tab *Details*.
* **Reuse**: a stage whose inputs, settings and code have not changed is reused, unless the form's *Do again* names it.

The tasks pass names, never data: each one runs `python -m tasks STAGE ...`, which reads and writes the store.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import quote

from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    BaseOperatorLink,
    CronPartitionTimetable,
    TaskGroup,
    TriggerRule,
    chain,
    cross_downstream,
    task,
)
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.assets import CANDIDATE, any_of, asked, asset, candidate, watch, watched
from dags.notifications.comparison import OCCASIONS, at_end
from dags.notifications.deadline import expect_in_time
from dags.notifications.operators import notify
from dags.parsing import needed
from dags.site import surroundings
from dags.stage_command import RunnerError
from dags.stage_operators import command, defaults, runner, settings
from dags.store_access import stored
from dags.task_states import ended
from dags.trigger_form import trigger_form
from tasks.errors import RequestError
from tasks.settings.loading import configured
from tasks.settings.request import Request, request_key, slug
from tasks.settings.values import parse
from tasks.settings.workflow import (
    COMMANDS,
    CONCLUDE,
    DAG_ID,
    REPORT_PAGES,
    SCOPES,
    STAGES,
    TASKS,
    TOGETHER,
    Scope,
)

CONFIGURATION = configured(surroundings())
ORCHESTRATION = CONFIGURATION.orchestration
OPERATOR = runner(ORCHESTRATION).OPERATOR
DATASETS = needed(CONFIGURATION.datasets)

DOCS = {task.name: task.summary for task in TASKS}


class ReportLink(BaseOperatorLink):
    """The button on the tab *Details* of the report task; the page is served by `dags/plugins/report_page.py`."""

    name = "Comparison report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page's address on the server that shows the UI."""
        return f"{REPORT_PAGES}/{quote(ti_key.run_id, safe='')}"


class ReportStage(OPERATOR):  # type: ignore[misc, valid-type]
    """The report stage, with its button."""

    operator_extra_links = (ReportLink(),)

    def execute(self, context: Any) -> None:
        """Run the stage, unless `plan` planned nothing: no stage of such a run has done anything.

        Raises:
            AirflowSkipException: there is nothing to report.
        """
        if "plan" not in ended(context["ti"], context["run_id"], "success"):
            raise AirflowSkipException("there is nothing to report; the log of `plan` says why")
        super().execute(context)


@task.branch(doc_md=DOCS["datasets"])
def datasets(run_id: str | None = None) -> list[str]:
    """The first tasks of the datasets of the run. The others are skipped without a process, or a pod, for each."""
    wanted = (dataset.name for dataset in frozen_request(run_id).datasets)
    return [f"{name}.fetch" for name in wanted if name in CONFIGURATION.datasets]


@task(doc_md=DOCS["replicates"])
def replicates(run_id: str | None = None) -> list[int]:
    """The seeds of the run."""
    return list(frozen_request(run_id).seeds)


@task(doc_md=DOCS["searches"])
def searches(run_id: str | None = None) -> list[int]:
    """The seeds of the run's searches: one that all replicates share, or one for each."""
    return list(frozen_request(run_id).search_seeds)


@task(doc_md=DOCS["shards"])
def shards(run_id: str | None = None) -> list[int]:
    """The shards of each search of the run."""
    return list(range(frozen_request(run_id).search.shards))


@task(doc_md=DOCS["budgets"])
def budgets(dataset: str, run_id: str | None = None) -> list[int]:
    """The budgets at which the run compares on `dataset`."""
    return [compared.budget for compared in frozen_request(run_id).comparisons if compared.name == dataset]


@task(outlets=[CANDIDATE], doc_md=DOCS["candidates"])
def candidates(run_id: str | None = None, ti: Any = None, outlet_events: Any = None) -> None:
    """Create an asset event for each dataset of which some evaluation succeeded, whatever failed elsewhere.

    Raises:
        AirflowSkipException: there is none.
    """
    succeeded = (name.partition(".") for name in ended(ti, run_id, "success"))
    evaluated = {dataset for dataset, _, stage in succeeded if stage.startswith("evaluate_")}
    if not evaluated:
        raise AirflowSkipException("no dataset has a result in this run")
    for dataset in sorted(evaluated):
        outlet_events[CANDIDATE].add(candidate(dataset))


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0, doc_md=DOCS["complete"])
def complete(run_id: str | None = None, ti: Any = None) -> None:
    """Succeed when every task of the run did, or was skipped.

    Raises:
        AirflowFailException: tasks failed, or were taken away; it names them.
    """
    if failed := ended(ti, run_id, "failed", "removed"):
        is_reported = "report" in ended(ti, run_id, "success")
        where = "the report names the gaps and their reasons" if is_reported else "its log says why"
        raise AirflowFailException(f"failed: {', '.join(failed)}; {where}")


def frozen_request(run_id: str | None) -> Request:
    """What `plan` has written: what all stages of the run read too.

    Raises:
        AirflowFailException: it is not there, it is damaged, or the store cannot be found.
    """
    key = request_key(slug(run_id or ""))
    try:
        if (body := stored(key)) is None:
            raise RequestError(f"{key}: expected the run's request, found none; run `plan` first")
        return parse(Request, json.loads(body), key)
    except (RequestError, RunnerError) as error:
        raise AirflowFailException(str(error)) from error
    except ValueError as error:
        raise AirflowFailException(f"{key}: expected the run's request, received no JSON; start a new run") from error


def dataset_branch(dataset: str, chosen: Any, parts: dict[str, Any]) -> list[list[Any]]:
    """The group of one dataset, from its fetch; returns the branches of tasks that it ends with."""
    with TaskGroup(dataset, tooltip=CONFIGURATION.datasets[dataset].title):
        fetch, normalize = stage("fetch", dataset=dataset), stage("normalize", dataset=dataset)
        chosen >> fetch >> normalize
        # After the fetch: where a run leaves the dataset out, or has no data, none of the tasks below is made at all.
        parts = {"budget": budgets(dataset), **parts}
        fetch >> parts["budget"]
        branches = [family_branch(dataset, family, normalize, parts) for family in CONFIGURATION.families]
        return [page(dataset, branches)] if len(CONFIGURATION.datasets) > TOGETHER else branches


def page(dataset: str, branches: list[list[Any]]) -> list[Any]:
    """The task that compares the families on one dataset of many; `report` does so where it did not run."""
    concluded = stage(CONCLUDE.name, dataset=dataset, trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    [tasks[-1] for tasks in branches] >> concluded
    return [concluded]


def family_branch(dataset: str, family: str, normalize: Any, parts: dict[str, Any]) -> list[Any]:
    """The stages of a family, each a task for every budget, and for every shard or seed where its scope names one."""
    tasks = [
        mapped(stage.name, dataset, family, parts_of(stage.scope, parts))
        for stage in STAGES.values()
        if "family" in SCOPES[stage.scope]
    ]
    chain(normalize, *tasks)
    return tasks


def parts_of(scope: Scope, parts: dict[str, Any]) -> dict[str, Any]:
    """Over what the tasks of a scope are mapped. The seeds of a search are not those of the trainings."""
    seeds = parts["replicates"] if scope == "replicate" else parts["searches"]
    named = parts | {"seed": seeds}
    return {part: named[part] for part in SCOPES[scope] if part in named}


def mapped(name: str, dataset: str, family: str, parts: dict[str, Any]) -> Any:
    """The tasks of a stage of a family, one for each combination of the values of `parts`."""
    return OPERATOR.partial(
        task_id=f"{name}_{family}",
        map_index_template=", ".join(f"{part} {{{{ task.{part} }}}}" for part in parts),
        doc_md=DOCS[name],
        dataset=dataset,
        family=family,
        # A budget goes on when another one failed; a stage whose own budget did skips itself.
        trigger_rule=TriggerRule.ALL_SUCCESS if name == "search" else TriggerRule.ALL_DONE,
        priority_weight=PRIORITIES[dataset, family],
        weight_rule="absolute",
        **settings(name, ORCHESTRATION),
    ).expand(**parts)


def priorities() -> dict[tuple[str, str], int]:
    """Who gets a free slot before others: the longer training, as one that starts last leaves the other slots idle."""
    sizes = {branch: training_size(*branch) for branch in product(CONFIGURATION.datasets, CONFIGURATION.families)}
    order = sorted(sizes.values())
    return {branch: 1 + bisect_left(order, size) for branch, size in sizes.items()}


def training_size(dataset: str, family: str) -> tuple[bool, int]:
    """By what trainings are put in order: the configuration's `priority_families`, then pixels and parameters."""
    compared = CONFIGURATION.datasets[dataset]
    height, width, _ = compared.image_shape
    return family in ORCHESTRATION.priority_families, height * width * compared.budget


def stage(name: str, **options: Any) -> Any:
    """The task of a stage that belongs to no family: `fetch`."""
    return command(COMMANDS[name], ORCHESTRATION, **options)


def schedule(cron: str, datasets: Iterable[str] = ()) -> Any:
    """When runs start by themselves: at a tick of the clock, or at an event of a dataset's asset.

    The first waits for the next tick, however recent the last one was. Of Airflow's timetables this one ends a run's id
    with random letters, as Airflow itself does at an asset event: two installations that share a store do not meet.
    """
    # Left at its default, `run_immediately` starts a run at once when a tick passed within a tenth of the period.
    clock = CronPartitionTimetable(cron, timezone="UTC", run_immediately=timedelta(0)) if cron else None
    assets = any_of(map(asset, datasets))
    if clock and assets:
        return AssetOrTimeSchedule(timetable=clock, assets=assets)
    return clock or assets


PRIORITIES = priorities()

with DAG(
    DAG_ID,
    description="CNN against ANN at the same parameter count",
    doc_md=__doc__,
    schedule=schedule(ORCHESTRATION.schedule, CONFIGURATION.datasets),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    user_defined_macros={"asked": asked},
    tags=["image models", "comparison"],
    default_args=defaults(ORCHESTRATION),
) as dag:
    # As JSON in an environment variable; `plan` checks it again.
    environment = {
        "RUN_PARAMETERS": "{{ asked(params, triggering_asset_events) | tojson }}",
        "RUN_TRIGGER": "{{ dag_run.run_type.value }}",
        "RUNNER": ORCHESTRATION.runner,
    }
    plan = stage("plan", env=environment)
    parts = {"replicates": replicates(), "searches": searches(), "shard": shards()}
    chosen = datasets()
    plan >> [chosen, *parts.values()]
    branches = [tasks for name in DATASETS for tasks in dataset_branch(name, chosen, parts)]
    report = stage("report", operator=ReportStage, trigger_rule=TriggerRule.ALL_DONE)
    [tasks[-1] for tasks in branches] >> report
    # A run ends as its leaves do, and `report` alone would hide a branch that failed before it. A trigger rule could
    # say so too, but would end this task at the first failure, long before the report.
    last = [candidates()]
    report >> last[0]
    # What changed during the run is one more event. It needs the fetch, too: what cannot be fetched would never end it.
    for name in [each for each in watched(CONFIGURATION) if each in DATASETS]:
        look = watch(name, CONFIGURATION, task_group=dag.task_group_dict[name])
        [dag.get_task(f"{name}.fetch"), report] >> look
        last.append(look)
    telling = notify(CONFIGURATION.notifications, at_end, OCCASIONS)
    cross_downstream(last, telling)
    [*last, *telling, *expect_in_time(CONFIGURATION.notifications)] >> complete()
    # Last, since Airflow copies the form of a DAG into each task that is made after it.
    dag.params = ParamsDict(trigger_form(CONFIGURATION))
