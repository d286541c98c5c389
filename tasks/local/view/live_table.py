"""What a run is doing, as it does it: a table that renews itself, or lines where there is no terminal."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from rich import box
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tasks.local.view.time_left import Observed, Outlook
from tasks.local.view.voice import Voice, clock_time
from tasks.runs.stage import REUSED
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.workflow import STAGES, position
from tasks.settings.workload import Key, expected

STYLES = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "cyan", "up_for_retry": "yellow"}
SUMMARY_SECONDS = 10.0  # between two summaries where there is no terminal
PROGRESS_LENGTH = 60  # characters, of a line where there is no terminal
UNDER_WAY = ("running", "up_for_retry", "failed", "upstream_failed")  # what is worth a row where there is little room
BORDERS = 7  # lines of a terminal that the table's frame and its caption need
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
        return "" if self.seconds is None else clock_time(self.seconds)

    @property
    def shown_progress(self) -> str:
        """What the stage said, as people read it."""
        return f"reused from an earlier run{self.progress.removeprefix(REUSED)}" if self.is_reused else self.progress

    @property
    def is_reused(self) -> bool:
        """Whether the stage had nothing to do."""
        return self.progress.partition(";")[0] == REUSED


def rows(instances: Sequence[dict[str, Any]], request: Request, progress: Callable[[Place, str], str]) -> list[Row]:
    """A row for each task instance of Airflow's answer that this run asks for, in the order of the workflow.

    One that runs or has ended well asks `progress` (place, stage) for the last line of its stage.
    """
    ordered = sorted(instances, key=lambda instance: (_order(instance["task_id"]), instance["map_index"]))
    shown, places = [each for each in ordered if _is_asked_for(each["task_id"], request)], _mapped(request)
    return [_row(instance, request, places, progress) for instance in shown]


def observed(shown: Sequence[Row]) -> Mapping[Key, Observed]:
    """The rows as the estimate of the time left takes them."""
    return {
        (row.stage, row.place): Observed(row.state in FINAL, row.seconds, row.state == "success" and not row.is_reused)
        for row in shown
    }


def _is_asked_for(task: str, request: Request) -> bool:
    """Whether a task belongs to the datasets and families of the run; Airflow lists those of the others as skipped."""
    dataset, _, name = task.rpartition(".")
    family = name.partition("_")[2]
    return dataset in ("", *(each.name for each in request.datasets)) and family in ("", *request.families)


def _mapped(request: Request) -> Mapping[Key, Sequence[Place]]:
    """The places of the mapped tasks of every stage, in their order, by what the task's name says of them."""
    places: dict[Key, list[Place]] = {}
    for stage, place in expected(request):
        places.setdefault((stage, Place(place.dataset, place.family)), []).append(place)
    return places


def _row(
    instance: dict[str, Any],
    request: Request,
    places: Mapping[Key, Sequence[Place]],
    progress: Callable[[Place, str], str],
) -> Row:
    task, index = instance["task_id"], instance["map_index"]
    dataset, _, name = task.rpartition(".")
    stage, _, family = name.partition("_")
    place = Place(dataset or None, family or None)
    if 0 <= index < len(mapped := places.get((stage, place), ())):
        place = mapped[index]
    state = instance["state"] or "waiting"
    said = progress(place, stage) if state in ("running", "success") and stage in STAGES else ""
    named = place if request.search.shards > 1 else replace(place, shard=None)
    title = f"{task} {', '.join(named.numbered())}".replace("-", " ").rstrip()
    return Row(title, state, _seconds(instance), said, place, stage, _log(instance))


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

    def __init__(self, voice: Voice):
        self._voice = voice
        self._live = Live(console=voice.console, auto_refresh=False)

    def __enter__(self) -> "TerminalView":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, rows: Sequence[Row], outlook: Outlook) -> None:
        """Draw the rows, or those under way where the terminal is too low for all of them."""
        room = self._voice.console.size.height - BORDERS
        shown = rows if len(rows) <= room else [row for row in rows if row.state in UNDER_WAY][:room]
        caption = f"{outlook}; shown are those under way" if 0 < len(shown) < len(rows) else str(outlook)
        table = Table(box=box.SIMPLE_HEAD)
        for name in ("task", "state", "time"):
            table.add_column(name, no_wrap=True)
        table.add_column("progress", no_wrap=True, overflow="ellipsis")
        for row in shown:
            style = STYLES.get(row.state, "dim")
            table.add_row(row.task, f"[{style}]{row.state}[/]", row.shown_time, escape(row.shown_progress))
        self._live.update(Group(*([table] if shown else []), Text(caption)), refresh=True)
        self._voice.spoken()


class LineView:
    """A line for each change, for logs, and now and then a summary with a line for each task that runs."""

    def __init__(self, voice: Voice):
        self._voice = voice
        self._states: dict[str, str] = {}
        self._told: dict[str, float] = {}  # when each task was last spoken of
        self._summed_up = time.monotonic()

    def __enter__(self) -> "LineView":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, rows: Sequence[Row], outlook: Outlook) -> None:
        """Print what has changed since the last call, and how the run stands if that was not said for a while."""
        for row in rows:
            if row.state in STYLES and self._states.get(row.task) != row.state:
                self._states[row.task] = row.state
                self._say(row)
        now = time.monotonic()
        if now - self._summed_up >= SUMMARY_SECONDS:
            self._summed_up = now
            self._voice.say(f"{_now()} {outlook}")
            for row in rows:
                if row.state == "running" and now - self._told[row.task] >= SUMMARY_SECONDS:
                    self._say(row)

    def _say(self, row: Row) -> None:
        self._told[row.task] = time.monotonic()
        progress = shorten(row.shown_progress, PROGRESS_LENGTH, placeholder=" ...")
        self._voice.say(f"{_now()} {row.task:<32} {row.state:<16} {row.shown_time:>6}  {progress}".rstrip())


def _now() -> str:
    return time.strftime("%H:%M:%S")


def view(voice: Voice) -> TerminalView | LineView:
    """The table where there is a terminal, lines elsewhere."""
    return TerminalView(voice) if voice.console.is_terminal else LineView(voice)
