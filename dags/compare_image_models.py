"""Is a CNN really better than an ANN at the same parameter count, by how much, and what does it cost?

For every dataset: fetch, normalize, then for each family a hyper-parameter search in shards and the choice among their
trials, several trainings under their own seeds, and one evaluation on the test part. `report` joins whatever finished
into one comparison; a branch that failed is a named gap in it, and `complete` then ends the run as failed.

* **Start** a run with the form (*Trigger*), with `make run`, or let the schedule do it.
* **Read** the result from the `report` task's *Comparison report* link, or from the run's tab of that name.
* **Again**: a stage whose inputs, settings and code have not changed is reused from the store, unless *Force* is on.

The tasks pass names, never data: each one runs `python -m tasks STAGE ...`, which reads and writes the store.
"""

import os
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperatorLink, CronTriggerTimetable, TaskGroup, TriggerRule, task

from dags.stage_operators import runner, settings
from dags.trigger_form import trigger_form
from tasks.request import Parameters, Request, configured, parse, resolve

CONFIGURATION = configured(os.environ)
ORCHESTRATION = CONFIGURATION.orchestration
STAGE = runner(ORCHESTRATION).OPERATOR

DOCS = {
    "plan": "Resolves the form with the configuration into the run's one frozen request.",
    "replicates": "Names the seeds of this run: `train` becomes one task for each.",
    "fetch": "Brings the official files into the store, checked digest by digest.",
    "normalize": "Splits, checks and describes the data; the test part stays untouched.",
    "shards": "Numbers the shards of this run: `search` becomes one task for each.",
    "search": "Tries hyper-parameters on the validation part, every trial within 1 % of the budget, one task a shard.",
    "choose": "Takes the best trial of all shards, the earlier one of equals.",
    "train": "Trains the best configuration, one task a seed.",
    "evaluate": "Measures the trained models on the test part, which no other stage reads.",
    "report": "Joins all branches, the failed ones too, into the comparison report.",
    "complete": "Fails the run when a branch failed, although the report was written.",
}


class ReportLink(BaseOperatorLink):
    """The button on the report task; the page is served by `dags/plugins/report_page.py`."""

    name = "Comparison report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page's address on the server that shows the UI."""
        return f"/reports/{quote(ti_key.run_id, safe='')}"


class ReportStage(STAGE):  # type: ignore[misc, valid-type]
    """The report stage, with its button."""

    operator_extra_links = (ReportLink(),)


@task(doc_md=DOCS["replicates"])
def replicates(params: dict[str, Any] | None = None) -> list[int]:
    """The seeds of the run that these parameters ask for."""
    return list(request(params).seeds)


@task(doc_md=DOCS["shards"])
def shards(params: dict[str, Any] | None = None) -> list[int]:
    """The shards of each search of the run that these parameters ask for."""
    return list(range(request(params).search.shards))


def request(params: dict[str, Any] | None) -> Request:
    """What `plan` makes of these parameters, as far as the graph depends on it."""
    # The mirror is for `plan` to judge, which knows the owner's own.
    wish = parse(Parameters, dict(params or {}) | {"mirror": None}, "parameters")
    return resolve(configured(os.environ), wish, "names")


def dataset_branch(dataset: str, plan: Any, parts: dict[str, Any]) -> list[Any]:
    """The group of one dataset, from its fetch; returns the evaluation of each family."""
    with TaskGroup(dataset, tooltip=CONFIGURATION.datasets[dataset].title):
        fetch, normalize = stage("fetch", dataset=dataset), stage("normalize", dataset=dataset)
        plan >> fetch >> normalize
        return [family_branch(dataset, family, normalize, parts) for family in CONFIGURATION.families]


def family_branch(dataset: str, family: str, normalize: Any, parts: dict[str, Any]) -> Any:
    """One search a shard, the choice, one training a seed, evaluation; returns the last."""
    names: dict[str, Any] = {"dataset": dataset, "family": family}
    search, train = (mapped(name, part, parts[part], names) for name, part in (("search", "shard"), ("train", "seed")))
    choose, evaluate = stage("choose", **names), stage("evaluate", **names)
    normalize >> search >> choose >> train >> evaluate
    return evaluate


def mapped(name: str, part: str, values: Any, names: dict[str, Any]) -> Any:
    """The tasks of a stage of a family, one for each of the `values` of a `part`."""
    return STAGE.partial(
        task_id=f"{name}_{names['family']}",
        map_index_template=f"{part} {{{{ task.{part} }}}}",
        doc_md=DOCS[name],
        **names,
        **settings(name, ORCHESTRATION),
    ).expand(**{part: values})


def stage(name: str, operator: Any = STAGE, *, env: dict | None = None, **options: Any) -> Any:
    """The task of a stage: `fetch`, or `search_cnn` where it belongs to a family."""
    shared = settings(name, ORCHESTRATION)
    task_id = "_".join(filter(None, (name, options.get("family"))))
    return operator(task_id=task_id, doc_md=DOCS[name], **shared | {"env": shared["env"] | (env or {})} | options)


def schedule(cron: str) -> CronTriggerTimetable | None:
    """When runs start by themselves; the first waits for the next tick, however recent the last one was."""
    # Left at its default, `run_immediately` starts a run at once when a tick passed within a tenth of the period.
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0)) if cron else None


with DAG(
    "compare_image_models",
    description="CNN against ANN at the same parameter count",
    doc_md=__doc__,
    schedule=schedule(ORCHESTRATION.schedule),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    params=trigger_form(CONFIGURATION),
    tags=["image models", "comparison"],
    default_args={
        "owner": "like-for-like",
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 3.0,
        "max_retry_delay": timedelta(minutes=10),
    },
):
    # As JSON in an environment variable; `plan` checks it again.
    plan = stage("plan", env={"RUN_PARAMETERS": "{{ params | tojson }}"})
    parts = {"seed": replicates(), "shard": shards()}
    plan >> list(parts.values())
    evaluations = [last for name in CONFIGURATION.datasets for last in dataset_branch(name, plan, parts)]
    report = stage("report", ReportStage, trigger_rule=TriggerRule.ALL_DONE)
    # A run ends as its leaves do: `report` alone would hide a branch that failed before it.
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED, doc_md=DOCS["complete"])
    evaluations >> report
    [report, *evaluations] >> complete
