"""The live table: every task in the workflow's order, with what its stage says."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from tasks.local.view import live_table
from tasks.local.view.live_table import LineView, TerminalView, observed, rows, view
from tasks.local.view.time_left import Observed, Outlook
from tasks.local.view.voice import Voice
from tasks.settings.place import Place
from tests.support import synthetic

OUTLOOK = Outlook(3, 8, 41.0)
# What runs has run for as long as what has ended took, whatever day it is.
NOW = datetime.now(UTC)
START, END = (NOW - timedelta(seconds=65)).isoformat(), NOW.isoformat()


REQUEST = synthetic.request(replicates=2).model_copy(update={"seed": 7})
REQUEST = REQUEST.model_copy(update={"search": REQUEST.search.model_copy(update={"shards": 2})})


def instance(task, state=None, index=-1, start=None, end=None):
    """A task instance as Airflow's API describes it."""
    described = {"task_id": task, "state": state, "map_index": index, "start_date": start, "end_date": end}
    return described | {"dag_id": "d", "dag_run_id": "r", "try_number": 1}


@pytest.fixture
def shown():
    instances = [
        instance("report"),
        instance("cifar10.train_ann", "running", 1, START),
        instance("cifar10.train_ann", "success", 0, START, END),
        instance("cifar10.search_ann", "running", 1, START),
        instance("cifar10.choose_ann", index=0),
        instance("cifar10.search_cnn", "failed", start=START, end=END),
        instance("cifar10.fetch", "success", start=START, end=END),
        instance("plan", "success", start=START, end=END),
        instance("mnist.fetch", "skipped"),
        instance("cifar10.search_mixer", "skipped"),
    ]
    return rows(instances, REQUEST, lambda place, stage: f"{stage} of {place}")


def test_rows_follow_the_workflow(shown):
    """Plan, then a dataset's stages, then the join; replicates by their seeds, searches by their shards.

    What the run does not ask for has no row.
    """
    assert [row.task for row in shown] == [
        "plan",
        "cifar10.fetch",
        "cifar10.search_ann shard 1",
        "cifar10.choose_ann",
        "cifar10.train_ann seed 7",
        "cifar10.train_ann seed 8",
        "cifar10.search_cnn",
        "report",
    ]


def test_with_several_budgets_every_row_names_its_own():
    """An index counts the budgets, and for each of them its shards or its seeds, as Airflow counts."""
    request = REQUEST.model_copy(update={"budgets": (5_000, 8_000)})
    names = ["search_ann", "train_ann", "choose_ann", "evaluate_ann", "search_ann", "normalize"]
    indexes = [2, 3, 1, 0, -1, -1]
    made = [instance(f"cifar10.{name}", "running", index) for name, index in zip(names, indexes, strict=True)]
    shown = {row.task: row.place for row in rows(made, request, lambda place, stage: "")}
    assert shown == {
        "cifar10.normalize": Place("cifar10"),
        "cifar10.search_ann": Place("cifar10", "ann"),
        "cifar10.search_ann budget 8000, shard 0": Place("cifar10", "ann", shard=0, budget=8_000),
        "cifar10.choose_ann budget 8000": Place("cifar10", "ann", budget=8_000),
        "cifar10.train_ann budget 8000, seed 8": Place("cifar10", "ann", 8, budget=8_000),
        "cifar10.evaluate_ann budget 5000": Place("cifar10", "ann", budget=5_000),
    }


def test_a_row_shows_what_its_stage_says(shown):
    """A stage that runs or has ended well is asked for its progress, at its own place; the others are not."""
    said = [
        "plan of ",
        "fetch of cifar10",
        "search of cifar10/ann/shard-1",
        "train of cifar10/ann/seed-7",
        "train of cifar10/ann/seed-8",
    ]
    assert [row.progress for row in shown if row.progress] == said
    assert shown[5].place == Place("cifar10", "ann", 8)


def test_times_are_minutes_and_seconds(shown):
    """A finished task shows how long it took, one that waits shows nothing."""
    assert (shown[0].shown_time, shown[-1].shown_time) == ("1:05", "")


def test_a_log_is_named_below_the_log_folder(shown):
    """The path is the one that Airflow writes: mapped tasks carry their index."""
    assert shown[5].log == "dag_id=d/run_id=r/task_id=cifar10.train_ann/map_index=1/attempt=1.log"
    assert shown[6].log == "dag_id=d/run_id=r/task_id=cifar10.search_cnn/attempt=1.log"


def heard(**options):
    """A voice, and what it says."""
    out = io.StringIO()
    return Voice(Console(file=out, color_system=None, **options)), out


def test_without_a_terminal_only_changes_are_printed(shown):
    """A line a change: showing the same rows again prints nothing; nothing is said of tasks that only wait."""
    voice, out = heard(width=200)
    with LineView(voice) as lines:
        lines.show(shown, OUTLOOK)
        once = out.getvalue()
        lines.show(shown, OUTLOOK)
    assert out.getvalue() == once
    assert len(once.splitlines()) == 6
    assert "cifar10.search_cnn               failed             1:05" in once


def test_without_a_terminal_a_summary_comes_now_and_then(shown, monkeypatch):
    """It says how the run stands, and what each running task last said."""
    voice, out = heard(width=200)
    monkeypatch.setattr(live_table, "SUMMARY_SECONDS", 0)
    LineView(voice).show(shown, OUTLOOK)
    said = [line.partition(" ")[2] for line in out.getvalue().splitlines()[6:]]
    assert said[0] == "3 of 8 tasks, about 40 s left"
    assert [line.split()[0] for line in said[1:]] == ["cifar10.search_ann", "cifar10.train_ann"]
    assert said[2].endswith("train of cifar10/ann/seed-8")


def test_a_terminal_gets_the_table(shown):
    """Every row is drawn, with its state, and how the run stands."""
    voice, out = heard(width=120, height=40, force_terminal=True)
    drawn = view(voice)
    assert isinstance(drawn, TerminalView)
    with drawn:
        drawn.show(shown, OUTLOOK)
    assert all(row.task in out.getvalue() for row in shown)
    assert str(OUTLOOK) in out.getvalue()


def test_a_reused_result_says_so(shown):
    """Nobody needs to know what a cache is."""
    voice, out = heard(width=200)
    LineView(voice).show([replace(shown[0], progress="cached")], OUTLOOK)
    assert "success            1:05  reused from an earlier run" in out.getvalue()
    noted = replace(shown[0], progress="cached; downloaded long ago")
    assert noted.shown_progress == "reused from an earlier run; downloaded long ago"
    (seen,) = observed([noted]).values()
    assert not seen.telling


def test_a_low_terminal_gets_what_is_under_way(shown):
    """Rows that do not fit are not cut off: those that wait or are done make room, and the caption says so."""
    voice, out = heard(width=80, height=14, force_terminal=True)
    with view(voice) as drawn:
        drawn.show(shown, OUTLOOK)
    drawn_rows = [row.task for row in shown if row.task in out.getvalue()]
    assert drawn_rows == ["cifar10.search_ann shard 1", "cifar10.train_ann seed 8", "cifar10.search_cnn"]
    assert "3 of 8 tasks, about 40 s left; shown are those under way" in out.getvalue()


def test_what_was_seen_counts_for_the_estimate(shown):
    """Only a success tells how long such a task takes, and a reused result does not."""
    seen = observed([*shown, replace(shown[0], task="x", stage="x", progress="cached")])
    assert seen["train", Place("cifar10", "ann", 7)] == Observed(done=True, seconds=65)
    assert seen["search", Place("cifar10", "cnn")] == Observed(done=True, seconds=65, telling=False)
    assert seen["train", Place("cifar10", "ann", 8)].done is False
    assert seen["x", Place()].telling is False
