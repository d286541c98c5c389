"""What a run left is brought home, and a failure is explained."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from tasks.local.view import outcome
from tasks.local.view.live_table import Row
from tasks.runs.records import recorded
from tasks.settings.place import Place
from tasks.storage.location import open_store
from tests.support import synthetic

REQUEST = synthetic.request().model_copy(update={"run": "one", "mirror": "/srv/mirror"})
REPORT = {
    "datasets": [
        {
            "name": "cifar10",
            "verdict": "cnn is more accurate [by far]. The ANN has no result: search: out of [memory].",
            "models": [
                {"family": "ann", "status": "failed", "error": "search: out of [memory]"},
                {
                    "family": "cnn",
                    "status": "done",
                    "error": None,
                    "parameters": 250_100,
                    "train_seconds": 12.34,
                    "accuracy": 0.7123,
                    "f1_macro": 0.7,
                },
            ],
        }
    ]
}


@pytest.fixture
def store(tmp_path):
    store = open_store((tmp_path / "store").as_uri())
    store.write("reports/one/report.json", json.dumps(REPORT).encode())
    store.write("reports/one/predictions/cifar10-cnn-seed-0.npz", b"numbers")
    store.write("reports/one-more/report.json", b"{}")
    return store


def row(task, state, place, stage):
    return Row(task, state, 1.0, "", place, stage, f"task_id={task}/attempt=1.log")


def test_a_report_comes_home_with_its_predictions(store, tmp_path):
    """Every file of this run's report, and of no other's, lands under its name; `latest` points to it."""
    reports = tmp_path / "reports"
    assert outcome.download(store, "one", reports) == reports / "one"
    files = sorted(str(path.relative_to(reports / "one")) for path in (reports / "one").rglob("*") if path.is_file())
    assert files == ["predictions/cifar10-cnn-seed-0.npz", "report.json"]
    assert (reports / "latest").resolve() == (reports / "one").resolve()


def test_latest_moves_on(store, tmp_path):
    """A newer report takes the name `latest` over."""
    reports = tmp_path / "reports"
    outcome.download(store, "one", reports)
    outcome.download(store, "one-more", reports)
    assert (reports / "latest").readlink().name == "one-more"


def test_a_run_without_a_report_changes_nothing(store, tmp_path):
    """`latest` stays where it was."""
    assert outcome.download(store, "none", tmp_path / "reports") is None
    assert not (tmp_path / "reports").exists()


def test_the_comparison_shows_gaps_by_name(store, tmp_path):
    """A failed branch is a row, and its reason stands once, in the verdict; text is shown as it is."""
    out = io.StringIO()
    outcome.show_comparison(Console(file=out, width=160), outcome.download(store, "one", tmp_path / "reports"))
    shown = out.getvalue()
    for expected in ("failed", "search: out of [memory]", "250,100", "12.3 s", "71.23%", "0.7000", "by far]"):
        assert shown.count(expected) == 1


def test_a_sample_is_named_before_its_numbers(tmp_path):
    """What the report says of a sample stands above the table."""
    (tmp_path / "report.json").write_text(json.dumps(REPORT | {"notice": "A sample [of 10] was used."}))
    out = io.StringIO()
    outcome.show_comparison(Console(file=out, width=160), tmp_path)
    assert out.getvalue().splitlines()[0] == "A sample [of 10] was used."


def test_with_several_budgets_each_row_says_which(tmp_path):
    """The budget stands beside the dataset, also where a gap has no size; the verdict is the frontier's."""
    (dataset,) = REPORT["datasets"]
    parts = [dataset | {"budget": budget, "verdict": "of one"} for budget in (30_000, 250_000)]
    report = {"datasets": parts, "frontiers": [{"name": "cifar10", "verdict": "better [from 30,000 on]"}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    out = io.StringIO()
    outcome.show_comparison(Console(file=out, width=160), tmp_path)
    shown = out.getvalue()
    assert shown.count("cifar10, 30,000 ") == shown.count("cifar10, 250,000 ") == 2
    assert "cifar10: better [from 30,000 on]" in shown
    assert "of one" not in shown


def test_a_warning_of_a_stage_that_is_done_is_said_at_the_end():
    """A table has no room for it, and it goes away with the table."""
    rows = [
        replace(row("cifar10.fetch", "success", Place("cifar10"), "fetch"), progress="cached; WARNING: a.gz is gone"),
        row("cifar10.normalize", "success", Place("cifar10"), "normalize"),
    ]
    assert outcome.warnings(rows) == ["cifar10.fetch: WARNING: a.gz is gone"]


def test_a_failure_is_one_line_with_its_reason_and_its_log(store, tmp_path):
    """The reason is the one that the stage recorded; one that was killed says that nothing is known."""
    place = Place("cifar10", "ann")
    with pytest.raises(MemoryError), recorded(store, "one", place, "search"):
        raise MemoryError("no more")
    shown = [row("cifar10.search_ann", "failed", place, "search"), row("report", "success", Place(), "report")]
    shown.append(row("cifar10.search_cnn", "failed", Place("cifar10", "cnn"), "search"))
    lines = outcome.failures(shown, store, REQUEST, tmp_path)
    assert lines == [
        f"cifar10.search_ann: MemoryError: no more (log: {tmp_path}/task_id=cifar10.search_ann/attempt=1.log)",
        "cifar10.search_cnn: it ended before it could say why "
        f"(log: {tmp_path}/task_id=cifar10.search_cnn/attempt=1.log)",
    ]


def test_one_cause_of_several_tasks_is_said_once(store, tmp_path):
    """Tasks that failed for the same reason share a line; a file of the mirror is named by its place in it."""
    shown = []
    for name in ("cifar10", "fashion_mnist"):
        with pytest.raises(RuntimeError), recorded(store, "one", Place(name), "fetch"):
            raise RuntimeError("/srv/mirror/m/a.bin: expected the file, found none")
        shown.append(row(f"{name}.fetch", "failed", Place(name), "fetch"))
    assert outcome.failures(shown, store, REQUEST, tmp_path) == [
        "cifar10.fetch, fashion_mnist.fetch: RuntimeError: m/a.bin: expected the file, found none "
        f"(log of cifar10.fetch: {tmp_path}/task_id=cifar10.fetch/attempt=1.log)"
    ]


def test_a_damaged_record_is_the_reason_that_is_shown(store, tmp_path):
    """A failed task whose record cannot be read has its line too, which names the record."""
    store.write("runs/one/cifar10/ann/search.json", b"{")
    shown = [row("cifar10.search_ann", "failed", Place("cifar10", "ann"), "search")]
    (line,) = outcome.failures(shown, store, REQUEST, tmp_path)
    assert "runs/one/cifar10/ann/search.json: expected the record of a stage" in line
