"""What a run left: the report, brought from the store, the comparison in a table, and why tasks failed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.local.view.live_table import Row
from tasks.runs.reasons import relative
from tasks.runs.records import read_record
from tasks.runs.stage import WARNING
from tasks.settings.request import Request
from tasks.settings.workflow import TASKS, report_key
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError

REPORTS = Path("reports")
UNSAID = "it ended before it could say why"


def download(store: Store, run: str, folder: Path = REPORTS) -> Path | None:
    """Bring `reports/RUN/` from the store into `folder`, point `folder/latest` to it; None where the run left none."""
    prefix = report_key(run)
    keys = list(store.list(prefix))
    for key in keys:
        target = folder / run / key.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        store.download(key, target)
    if not keys:
        return None
    fresh = folder / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(run, target_is_directory=True)
    fresh.replace(folder / "latest")
    return folder / run


def show_comparison(console: Console, folder: Path) -> None:
    """Print the table and the verdicts of a downloaded report."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    # A terminal gets its lines broken between words; a file gets sentences whole.
    sentence: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": not console.is_terminal}
    if report.get("notice"):
        console.print(report["notice"], style="bold yellow", **sentence)
    table = Table("dataset", "model", "parameters", "train time", "test accuracy", "test F1", title_justify="left")
    frontiers = report.get("frontiers")
    for dataset in report["datasets"]:
        title = f"{dataset['name']}, {dataset['budget']:,}" if frontiers else dataset["name"]
        for model in dataset["models"]:
            table.add_row(*(escape(cell) for cell in _cells(title, model)))
    console.print(table)
    for part in frontiers or report["datasets"]:
        console.print(f"{part['name']}: {part['verdict']}", **sentence)


def _cells(title: str, model: dict[str, Any]) -> list[str]:
    name = [title, model["family"]]
    if model["status"] != "done":
        return [*name, model["status"], "", "", ""]
    return [
        *name,
        f"{model['parameters']:,}",
        f"{model['train_seconds']:.1f} s",
        f"{model['accuracy']:.2%}",
        f"{model['f1_macro']:.4f}",
    ]


def warnings(rows: Sequence[Row]) -> list[str]:
    """A line for each task that is done and warned of something."""
    told = ((row.task, row.progress.partition(WARNING)) for row in rows)
    return [f"{task}: {WARNING}{what}" for task, (_, warning, what) in told if warning]


def failures(rows: Sequence[Row], store: Store, request: Request, logs: Path) -> list[str]:
    """A line for each cause: the tasks that failed of it, why, as their stage recorded it, and where a log lies.

    The last task of the workflow fails only because others did, so it has no line.
    """
    failed = [row for row in rows if row.state == "failed" and row.stage != TASKS[-1].name]
    causes: dict[str, list[Row]] = {}
    for row in failed:
        reason = _reason(row, store, request)
        causes.setdefault(reason or row.task, []).append(row)  # who could say nothing may have any cause
    return [_failure(cause, together, logs) for cause, together in causes.items()]


def _failure(cause: str, rows: Sequence[Row], logs: Path) -> str:
    """A line; a task that gave no reason is its own cause."""
    first, *more = rows
    reason = UNSAID if cause == first.task else cause
    log = f"log of {first.task}: " if more else "log: "
    return f"{', '.join(row.task for row in rows)}: {reason} ({log}{logs / first.log})"


def _reason(row: Row, store: Store, request: Request) -> str:
    """What the stage recorded, or nothing."""
    try:
        record = read_record(store, request.run, row.place, row.stage) or {}
    except DamagedError as error:
        return relative(str(error), request, store)
    return relative(record.get("error") or "", request, store)
