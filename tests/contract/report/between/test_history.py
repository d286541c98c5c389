"""The history of a store's runs: complete, incremental, and stopped by nothing that is wrong with one report."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.comparison.schema.history import History, Promoted
from tasks.report.between import history
from tasks.report.between.history import HISTORY, keep_history
from tasks.settings.workflow import HISTORY_PAGE
from tests.support import published_runs
from tests.support.patience import PATIENCE


def runs(kept):
    return [row.run for row in kept.rows]


def stored(store):
    return History.model_validate_json(store.read(HISTORY))


def reading(monkeypatch):
    """The runs whose reports are read from now on."""
    read, seen = history.in_store, []

    def counted(store, run):
        seen.append(run)
        return read(store, run)

    monkeypatch.setattr(history, "in_store", counted)
    return seen


def test_each_report_is_a_row_in_the_order_of_the_runs(stores):
    """With its results, data and code; the page beside it leads to every report."""
    *_, last = published_runs.several(stores, "b", "a", "c")
    kept = keep_history(stores)
    assert runs(kept) == ["b", "a", "c"]
    assert kept == stored(stores)
    for result, model in zip(kept.rows[-1].results, last.datasets[0].models, strict=True):
        assert (result.family, result.seeds, result.parameters) == (model.family, 3, model.parameters)
        assert result.accuracy == pytest.approx(model.accuracy, abs=1e-6)
        assert (result.low, result.high) == pytest.approx(
            tuple(model.accuracy_interval.model_dump().values()), abs=1e-6
        )
    assert kept.rows[-1].results[1].conclusion == last.datasets[0].differences[0].conclusion
    assert {*kept.rows[0].data} == {"cifar10"}
    assert kept.rows[0].code == {place: digest[:8] for place, digest in published_runs.CODE.items()}
    assert all(f'href="{run}/report.html"' in stores.read(HISTORY_PAGE).decode() for run in "abc")


def test_only_new_reports_are_read(stores, monkeypatch):
    """A known run costs a line of a listing."""
    list(published_runs.several(stores, "a", "b"))
    keep_history(stores)
    seen = reading(monkeypatch)
    list(published_runs.several(stores, "c"))
    assert runs(keep_history(stores)) == ["a", "b", "c"]
    assert seen == ["c"]


def test_a_report_that_is_made_again_is_read_again(stores):
    """A run that was partial and is complete now, or has other numbers, has the row of its present report."""
    list(published_runs.several(stores, "a"))
    before = keep_history(stores).rows[0].results[0].accuracy
    list(published_runs.several(stores, "a", accuracy=0.9))
    assert keep_history(stores).rows[0].results[0].accuracy > before


def test_a_promotion_is_kept_with_the_runs(stores):
    """Whoever promotes writes the history again; a promotion during that is seen before it ends."""
    list(published_runs.several(stores, "a", "b"))
    first = Promoted(dataset="cifar10", budget=250_000, family="cnn", run="a", number=1, present=True)
    second = first.model_copy(update={"run": "b", "number": 2})
    found = iter([(first,), (first, second), (first, second)])
    kept = keep_history(stores, lambda: next(found))
    assert kept.promoted == (first, second)
    assert kept == stored(stores)


def test_the_row_of_a_deleted_report_goes(stores):
    """Without its report.json a run is no part of the history."""
    list(published_runs.several(stores, "a", "b"))
    keep_history(stores)
    stores.delete("reports/a/report.json")
    assert runs(keep_history(stores)) == ["b"]
    assert "a/report.html" not in stores.read(HISTORY_PAGE).decode()


def test_a_report_that_is_not_published_yet_waits(stores):
    """Half a report, of a stage that is at work or was killed, has no row, and is no damage."""
    stores.write("reports/half/report.json", b"{")
    list(published_runs.several(stores, "a"))
    kept = keep_history(stores)
    assert (runs(kept), kept.passed_over) == (["a"], ())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "report.json"),
        (b"[]", "report.json"),
        (json.dumps({"schema_version": 3}).encode(), "expected schema version"),
    ],
)
def test_what_cannot_be_read_is_passed_over_by_name(stores, monkeypatch, body, said):
    """A damaged report, or one of an older release, is named on the page with its reason, and not read twice."""
    list(published_runs.several(stores, "a", "b"))
    stores.write("reports/a/report.json", body)
    kept = keep_history(stores)
    assert runs(kept) == ["b"]
    assert [each.run for each in kept.passed_over] == ["a"]
    assert said in kept.passed_over[0].reason
    assert "Reports that cannot be read" in stores.read(HISTORY_PAGE).decode()
    seen = reading(monkeypatch)
    assert keep_history(stores) == kept
    assert seen == []


def test_many_reports_of_another_release_are_one_line_of_the_log(stores, caplog):
    """An upgrade is no flood of warnings, and the second look says nothing."""
    list(published_runs.several(stores, *"abc"))
    for run in "abc":
        stores.write(f"reports/{run}/report.json", json.dumps({"schema_version": 3}).encode())
    with caplog.at_level(logging.INFO):
        keep_history(stores)
        keep_history(stores)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the history is without a, b and c: report.json: expected schema version 4")


def test_what_was_passed_over_names_no_place_of_a_machine(stores):
    """Objects of the store are named relative to it, as everywhere in a report."""
    list(published_runs.several(stores, "a"))
    stores.write("order/runs/a.json", b"{")
    (passed_over,) = keep_history(stores).passed_over
    assert passed_over.reason.startswith("order/runs/a.json: expected the number of a run")
    assert stores.uri not in stores.read(HISTORY).decode() + stores.read(HISTORY_PAGE).decode()


def test_another_release_looks_again_at_what_was_passed_over(stores):
    """It may be able to read such a report; the rows that are there stay."""
    list(published_runs.several(stores, "a", "b"))
    whole = stores.read("reports/a/report.json")
    stores.write("reports/a/report.json", b"{")
    kept = keep_history(stores)
    passed_over = kept.passed_over[0]
    stores.write("reports/a/report.json", whole)
    entry = next(iter(stores.entries("reports/a/report.json")))
    now = passed_over.model_copy(update={"mark": f"{entry.size} {entry.modified.isoformat()}"})
    older = kept.model_copy(update={"reads": 3, "passed_over": (now,)})
    stores.write(HISTORY, older.model_dump_json().encode())
    assert runs(keep_history(stores)) == ["a", "b"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"version": 0}', b'{"rows": [{"run": "javascript:x"}]}'])
def test_a_damaged_history_is_made_again(stores, body):
    """It follows from the reports."""
    list(published_runs.several(stores, "a", "b"))
    stores.write(HISTORY, body)
    assert runs(keep_history(stores)) == runs(stored(stores)) == ["a", "b"]


def test_a_writer_that_was_held_up_does_not_drop_the_row_of_another(stores, monkeypatch):
    """It wrote what it saw before the other run was published. So it looks again, and writes again."""
    list(published_runs.several(stores, "a"))
    write, held, let_go = type(stores).write, threading.Event(), threading.Event()

    def hold_up(self, key, data, **options):
        if key == HISTORY and not held.is_set():
            held.set()
            assert let_go.wait(PATIENCE)
        return write(self, key, data, **options)

    monkeypatch.setattr(type(stores), "write", hold_up)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(keep_history, stores)
        assert held.wait(PATIENCE)
        list(published_runs.several(stores, "b"))
        assert runs(keep_history(stores)) == ["a", "b"]
        let_go.set()
        late.result()
    assert runs(stored(stores)) == ["a", "b"]
    assert "b/report.html" in stores.read(HISTORY_PAGE).decode()


def test_writers_at_once_leave_every_run(stores):
    """Whoever is last has seen them all."""
    names = [f"r{number}" for number in range(4)]
    list(published_runs.several(stores, *names[:2]))
    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(keep_history, stores) for _ in range(2)]
        list(published_runs.several(stores, *names[2:]))
        writers.append(pool.submit(keep_history, stores))
        for writer in writers:
            writer.result()
    assert runs(stored(stores)) == names
