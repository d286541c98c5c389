"""The workflow's names, and the one table of its tasks: everything that lists stages reads it here."""

from datetime import timedelta
from typing import Literal, NamedTuple

DAG_ID = "compare_image_models"
WATCH_DAG_ID = "watch_data"
PROMOTE_DAG_ID = "promote_champion"
LATE_DAG_ID = "late_runs"
POOL = "training"  # Airflow's pool with a slot for each core or GPU that trains
REPORT_PAGES = "/reports"  # where Airflow's web server shows the reports
HISTORY_PAGE = "reports/history.html"  # where the store keeps the history of all runs
CHAMPIONS = "champions/"  # where the store keeps ledgers and decisions, in a folder for each dataset
ANSWER = ".answer"  # ends the name of what became of a decision
TOGETHER = 20  # datasets that one page compares; in a run of more, each has a page of its own
Scope = Literal["run", "dataset", "family", "search", "shard", "replicate"]
# What names a place of each scope, in the order in which paths and command lines write it.
SCOPES: dict[Scope, tuple[str, ...]] = {
    "run": (),
    "dataset": ("dataset",),
    "family": ("dataset", "family", "budget"),
    "search": ("dataset", "family", "budget", "seed"),
    "shard": ("dataset", "family", "budget", "seed", "shard"),
    "replicate": ("dataset", "family", "budget", "seed"),
}


class Task(NamedTuple):
    """One row of the table: a stage (`python -m tasks NAME`), or a task that only the DAG has.

    Attributes:
        scope: where in a run it works.
        summary: one sentence for the command line's help and for Airflow's UI.
        limit: a stage that takes longer has hung; None for a task of the DAG alone.
        trains: it keeps a core or a GPU busy, so it takes a slot of the pool.
    """

    name: str
    scope: Scope
    summary: str
    limit: timedelta | None = None
    trains: bool = False


# In the workflow's order. The longest normal stage is a search of the full profile on one CPU core.
TASKS = (
    Task("plan", "run", "Resolve the parameters with the configuration into the run's request.", timedelta(minutes=30)),
    Task("datasets", "run", "Choose the datasets of this run: the others are skipped at once."),
    Task("replicates", "run", "Name the seeds of this run: `train` becomes one task for each."),
    Task("searches", "run", "Name the seeds of this run's searches: `search` and `choose` become one task for each."),
    Task("shards", "run", "Number the shards of this run: `search` becomes one task for each."),
    Task(
        "fetch", "dataset", "Bring the dataset's files into the store, each checked by its digest.", timedelta(hours=2)
    ),
    Task("budgets", "dataset", "Name the parameter budgets of this run: all that follows is done at each."),
    Task(
        "normalize", "dataset", "Split, check and describe the data; the test part stays as it is.", timedelta(hours=1)
    ),
    Task(
        "search",
        "shard",
        "Try one shard's share of the hyper-parameters on the validation part, each trial within 1 % of the budget.",
        timedelta(hours=24),
        trains=True,
    ),
    Task("choose", "search", "Take the best trial of all shards, the earlier one of equals.", timedelta(minutes=30)),
    Task("train", "replicate", "Train the best configuration under one seed.", timedelta(hours=24), trains=True),
    Task(
        "evaluate",
        "family",
        "Measure the trained models on the test part, on which no other stage measures.",
        timedelta(hours=1),
        trains=True,
    ),
    Task("report", "run", "Join all branches, failed ones too, into the comparison report.", timedelta(minutes=30)),
    Task(
        "candidates",
        "run",
        "Create an asset event for each dataset with a result: its best models may become the champion.",
    ),
    Task("complete", "run", "Fail the run when anything in it failed, and name what did. It comes after the report."),
)
STAGES = {task.name: task for task in TASKS if task.limit}
# No stage: it belongs to no run, and makes nothing.
WATCH = Task(
    "watch",
    "dataset",
    "Tell whether a dataset's files have changed since the last run.",
    timedelta(minutes=30),
)
# No stages either: their `--run` is the run of `promote_champion` that asks.
JUDGE = Task(
    "judge",
    "dataset",
    "Compare the newest result of a dataset with its champion, and decide by the rules (a task of promote_champion).",
    timedelta(hours=1),
    trains=True,
)
PROMOTE = Task(
    "promote",
    "dataset",
    "Make the candidate that was judged the champion, with its export and its card (a task of promote_champion).",
    timedelta(hours=1),
)
# No stage of most runs: where many datasets are configured, it stands between `evaluate` and `report`.
CONCLUDE = Task(
    "conclude",
    "dataset",
    f"Compare the families on one dataset, on a page of its own (in a run of more than {TOGETHER} datasets).",
    timedelta(minutes=30),
)
# What a runner runs: `python -m tasks NAME`.
COMMANDS = STAGES | {each.name: each for each in (WATCH, JUDGE, PROMOTE, CONCLUDE)}
# Their results are artifacts, which later runs reuse; the stages of the whole run are done in every run.
REUSED_STAGES = tuple(name for name, task in STAGES.items() if task.scope != "run")


def report_key(run: str, name: str = "") -> str:
    """Where the store keeps the report of `run`: one of its files, or the prefix of them all."""
    return f"reports/{run}/{name}"


def decision_key(dataset: str, asked: str, suffix: str = "") -> str:
    """Where the store keeps the decision of that name, or with the suffix ANSWER what became of it."""
    return f"{CHAMPIONS}{dataset}/decisions/{asked}{suffix}.json"


def position(name: str) -> int:
    """Where a task stands in the workflow's order; unknown ones come last."""
    names = [task.name for task in TASKS]
    return names.index(name) if name in names else len(names)
