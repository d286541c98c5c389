"""What orchestration cost a run, read from Airflow's own database and the run's report; nothing is run.

For every task: the gap from the moment at which it could start (its last upstream task ended, and a slot of its pool
was free) to its start. Along the critical path of the run: what was stage work, what was process start and imports, and
what was the scheduler's.
"""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas

from tests.bench.clock import of_stages
from tests.bench.section import Section

PARENT = {
    "normalize": "fetch", "budgets": "fetch", "search": "normalize", "choose": "search", "train": "choose",
    "evaluate": "train",
}  # fmt: skip
# The tasks that name what a stage is mapped over, beside budgets; `datasets` names whose stages there are.
NAMING = {"search": {"searches", "shards"}, "choose": {"searches"}, "train": {"replicates"}}
NAMERS = {"datasets", *(name for names in NAMING.values() for name in names)}


class Task(NamedTuple):
    """One task instance; times in seconds since the epoch."""

    name: str
    map_index: int
    start: float
    end: float
    pool: str


class Cost(NamedTuple):
    """Seconds of the critical path, by what they were spent on."""

    wall: float
    work: float
    setup: float

    @property
    def scheduler(self) -> float:
        """What is neither stage work nor a stage's own start."""
        return self.wall - self.work - self.setup


class Overhead(NamedTuple):
    """What a run's orchestration took: its tasks that a process executed, the gaps before them in seconds, its path."""

    tasks: int
    gaps: list[float]
    cost: Cost


def load_tasks(database: Path, run: str) -> list[Task]:
    """The finished task instances of `run`; those that no process executed (skipped, empty) are left out."""
    query = (
        "SELECT task_id, map_index, start_date, end_date, pool FROM task_instance "
        "WHERE run_id = ? AND state IN ('success', 'failed') AND pid IS NOT NULL"
    )
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(query, (run,)).fetchall()
    return [Task(name, index, _seconds(start), _seconds(end), pool) for name, index, start, end, pool in rows]


def load_slots(database: Path) -> dict[str, int]:
    """The size of every pool."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return dict(connection.execute("SELECT pool, slots FROM slot_pool").fetchall())


def upstream(task: Task, tasks: list[Task]) -> list[Task]:
    """The tasks that `task` waits for, by the names of the DAG."""
    group, _, stage = task.name.rpartition(".")
    name, _, family = stage.partition("_")
    if name in NAMERS:
        wanted = {"plan"}
    elif name == "fetch":
        wanted = {"datasets"}
    elif name == "report":
        wanted = {other.name for other in tasks if ".evaluate_" in other.name}
    elif name in PARENT:
        parent = PARENT[name]
        wanted = {f"{group}.{parent}" if parent in ("fetch", "normalize") else f"{group}.{parent}_{family}"}
        wanted |= {f"{group}.budgets"} if family else set()
        wanted |= NAMING.get(name, set())
    else:
        wanted = set()
    return [other for other in tasks if other.name in wanted]


def ready(task: Task, tasks: list[Task], slots: dict[str, int]) -> float | None:
    """When `task` could start: its upstream had ended, and its pool was no longer full; None without upstream."""
    parents = upstream(task, tasks)
    if not parents:
        return None
    moment = max(parent.end for parent in parents)
    mates = [mate for mate in tasks if mate.pool == task.pool and mate != task]
    releases = [mate.end for mate in mates if moment < mate.end <= task.start]
    full = [end for end in releases if sum(mate.start < end <= mate.end for mate in mates) >= slots[task.pool]]
    return max([moment, *full])


def critical_path(tasks: list[Task]) -> list[Task]:
    """From the last task back to the first, always by the upstream task, or pool mate, that ended last before it."""
    path = [max(tasks, key=lambda task: task.end)]
    stages = [task for task in tasks if task.name.rpartition(".")[2] not in ("budgets", *NAMERS)]
    while earlier := [other for other in stages if other.end <= path[0].start]:
        path.insert(0, max(earlier, key=lambda other: other.end))
    return path


def cost(path: list[Task], records: dict[tuple[str, int], dict]) -> Cost:
    """Where the seconds of the critical path went."""
    stages = [records[task.name, task.map_index] for task in path if (task.name, task.map_index) in records]
    return Cost(
        wall=path[-1].end - path[0].start,
        work=sum(record["seconds"] for record in stages),
        setup=sum(record["setup_seconds"] for record in stages),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _records(report: dict) -> dict[tuple[str, int], dict]:
    """The stage records of a report by task name and map index."""
    found = {}
    for stage in report["stages"]:
        name = "_".join(filter(None, (stage["stage"], stage["family"])))
        task = ".".join(filter(None, (stage["dataset"], name)))
        found[task, _index(stage, report["request"])] = stage
    return found


def _index(stage: dict, request: dict) -> int:
    """The map index of a stage's task: it counts budgets, and for each of them the shards of a search or the seeds."""
    if not stage["family"]:
        return -1
    lengths = {"search": request["search"]["shards"], "train": request["training"]["replicates"]}
    number = {"search": stage["shard"], "train": (stage["seed"] or 0) - request["seed"]}.get(stage["stage"], 0)
    budgets = request["budgets"] or [None]
    return budgets.index(stage["budget"]) * lengths.get(stage["stage"], 1) + number


def overhead(state: Path, report: Mapping[str, Any]) -> Overhead:
    """What Airflow's database in `state` says of the run of `report`."""
    database = state / "airflow" / "airflow.db"
    tasks, slots = load_tasks(database, report["run"]), load_slots(database)
    started = [(task, ready(task, tasks, slots)) for task in tasks]
    gaps = [task.start - moment for task, moment in started if moment is not None]
    return Overhead(len(tasks), gaps, cost(critical_path(tasks), _records(report)))


def orchestration(state: Path, report: Mapping[str, Any]) -> list[Section]:
    """The cost of orchestrating the run of `report`."""
    found = overhead(state, report)
    gaps, spent = pandas.Series(found.gaps), found.cost
    row = {
        "stages": len(report["stages"]),
        "of them reused": sum(stage["cached"] for stage in report["stages"]),
        "tasks that a process executed": found.tasks,
        "gap before a task, median, s": float(gaps.median()),
        "90th percentile, s": float(gaps.quantile(0.9)),
        "first task to last, s": spent.wall,
        **of_stages(report),
        "stage work on the critical path": spent.work / spent.wall,
        "process start and imports": spent.setup / spent.wall,
        "scheduler's part": spent.scheduler / spent.wall,
    }
    return [Section(f"Orchestration of {report['run']}", [row])]
