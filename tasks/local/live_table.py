"""What a run is doing, as it does it: a table that renews itself, or lines where there is no terminal."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.workflow import position

STYLES = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "cyan", "up_for_retry": "yellow"}
QUIET_SECONDS = 15
FINAL = {"success", "failed", "upstream_failed", "skipped", "removed"}


@dataclass(frozen=True)
class Row:
    """One task instance; `seconds` is how long it has run, `progress` what its stage last said, `log` a path."""

    task: str
    state: str
    seconds: float | None
    progress: str
    place: Place
    stage: str
    log: str

    @property
    def shown_time(self) -> str:
        """Minutes and seconds, or nothing before it starts."""
        if self.seconds is None:
            return ""
        return f"{int(self.seconds) // 60}:{int(self.seconds) % 60:02d}"


def rows(instances: Sequence[dict[str, Any]], request: Request, progress: Callable[[Place, str], str]) -> list[Row]:
    """A row for each task instance of Airflow's answer, in the order of the workflow.

    A running one asks `progress` (place, stage) for the last line of its stage; the others need none.
    """
    ordered = sorted(instances, key=lambda instance: (_order(instance["task_id"]), instance["map_index"]))
    return [_row(instance, request, progress) for instance in ordered]


def _row(instance: dict[str, Any], request: Request, progress: Callable[[Place, str], str]) -> Row:
    task, index = instance["task_id"], instance["map_index"]
    dataset, _, name = task.rpartition(".")
    stage, _, family = name.partition("_")
    place = _place(Place(dataset or None, family or None), stage, index, request)
    state = instance["state"] or "waiting"
    said = progress(place, stage) if state == "running" else ""
    part = ", ".join(place.numbered()).replace("-", " ")
    title = f"{task} {part}".rstrip()
    return Row(title, state, _seconds(instance), said, place, stage, _log(instance))


def _place(place: Place, stage: str, index: int, request: Request) -> Place:
    """`place` with what a mapped task's index counts: budgets, and for each the shards of a search or the seeds."""
    shards = range(request.search.shards) if stage == "search" else (None,)
    seeds = request.seeds if stage == "train" else (None,)
    parts = list(product(request.budgets or (None,), seeds, shards))
    if not place.family or not 0 <= index < len(parts):
        return place
    budget, seed, shard = parts[index]
    return replace(place, budget=budget, seed=seed, shard=shard)


def _log(instance: dict[str, Any]) -> str:
    """Where Airflow writes the log of the last attempt, below its log folder."""
    mapped = f"map_index={instance['map_index']}/" if instance["map_index"] >= 0 else ""
    where = f"dag_id={instance['dag_id']}/run_id={instance['dag_run_id']}/task_id={instance['task_id']}"
    return f"{where}/{mapped}attempt={instance['try_number']}.log"


def _order(task: str) -> tuple[int, str, str, int]:
    """Plan first, then each dataset's tasks, branch by branch, then the join."""
    dataset, _, name = task.rpartition(".")
    stage, _, family = name.partition("_")
    place = position(stage)
    part = 1 if dataset else (0 if place < position("fetch") else 2)
    return part, dataset, family, place


def _seconds(instance: dict[str, Any]) -> float | None:
    if instance["start_date"] is None:
        return None
    end = datetime.fromisoformat(instance["end_date"]) if instance["end_date"] else datetime.now(UTC)
    return (end - datetime.fromisoformat(instance["start_date"])).total_seconds()


class TerminalView:
    """The table in a terminal, drawn over itself; a context manager."""

    def __init__(self, console: Console, run: str):
        self._run = run
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> "TerminalView":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, rows: Sequence[Row]) -> None:
        """Draw the rows."""
        table = Table("task", "state", "time", "progress", title=f"run {self._run}", title_justify="left")
        for row in rows:
            style = STYLES.get(row.state, "dim")
            table.add_row(row.task, f"[{style}]{row.state}[/]", row.shown_time, row.progress)
        self._live.update(table, refresh=True)


class LineView:
    """A line for each change, for logs; progress alone speaks up only now and then."""

    def __init__(self, console: Console, run: str):
        self._console, self._run = console, run
        self._states: dict[str, str] = {}
        self._spoke: dict[str, float] = {}

    def __enter__(self) -> "LineView":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, rows: Sequence[Row]) -> None:
        """Print what has changed since the last call."""
        for row in rows:
            changed = self._states.get(row.task, "waiting") != row.state
            if changed or (row.progress and time.monotonic() - self._spoke.get(row.task, 0) > QUIET_SECONDS):
                self._states[row.task], self._spoke[row.task] = row.state, time.monotonic()
                clock = time.strftime("%H:%M:%S")
                line = f"{clock} {row.task:<32} {row.state:<16} {row.shown_time:>6}  {row.progress}".rstrip()
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def view(console: Console, run: str) -> TerminalView | LineView:
    """The table where there is a terminal, lines elsewhere."""
    return TerminalView(console, run) if console.is_terminal else LineView(console, run)
