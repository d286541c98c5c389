"""What orchestration costs: `python -m tests.bench [STATE_FOLDER REPORTS_FOLDER [RUN]]`, by default the latest run here.

Read from Airflow's own database and the run's report, after the fact; nothing is run. For every task: the gap from the
moment at which it could start (its last upstream task ended, and a slot of its pool was free) to its start. Along the
critical path of the run: what was stage work, what was process start and imports, and what was the scheduler's.
"""

import json
import sqlite3
import statistics
import sys
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

PARENT = {"normalize": "fetch", "search": "normalize", "train": "search", "evaluate": "train"}


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
    if name in ("fetch", "replicates"):
        wanted = {"plan"}
    elif name == "report":
        wanted = {other.name for other in tasks if ".evaluate_" in other.name}
    elif name in PARENT:
        parent = PARENT[name]
        wanted = {f"{group}.{parent}" if parent in ("fetch", "normalize") else f"{group}.{parent}_{family}"}
        wanted |= {"replicates"} if name == "train" else set()
    else:
        wanted = set()
    return [other for other in tasks if other.name in wanted]


def ready(task: Task, tasks: list[Task], slots: dict[str, int]) -> float | None:
    """When `task` could start: its upstream ended, and its pool had a slot free; None for a task without upstream."""
    parents = upstream(task, tasks)
    if not parents:
        return None
    moment = max(parent.end for parent in parents)
    mates = [mate for mate in tasks if mate.pool == task.pool and mate != task]
    ends = [moment, *(mate.end for mate in mates if moment < mate.end <= task.start)]
    free = [end for end in ends if sum(mate.start <= end < mate.end for mate in mates) < slots[task.pool]]
    return min(free, default=task.start)


def critical_path(tasks: list[Task]) -> list[Task]:
    """From the last task back to the first, always by the upstream task, or pool mate, that ended last before it."""
    path = [max(tasks, key=lambda task: task.end)]
    while earlier := [other for other in tasks if other.end <= path[0].start and other.name != "replicates"]:
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
    return datetime.fromisoformat(text).timestamp()


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
