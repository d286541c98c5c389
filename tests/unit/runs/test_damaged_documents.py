"""A run's documents in the store: one that is damaged, or another's, is refused with its place."""

import json
from datetime import timedelta

import pytest

from tasks.runs.garbage import find_garbage
from tasks.runs.order import LATEST, publish, run_number
from tasks.runs.records import Record, input_manifest, read_record, read_records, recorded
from tasks.runs.requests import read_request, write_request
from tasks.runs.stage import Input
from tasks.settings.place import Place
from tasks.storage.artifacts import commit
from tasks.storage.documents import DamagedError
from tests.support import synthetic

ANN, CNN = Place("cifar10", "ann", 0), Place("cifar10", "cnn", 0)
NO_DOCUMENTS = [b"", b"{", b"null", b"7", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"status": []}', b"\x00" * 9]


def repr_of(body):
    """A test's name for a body."""
    return repr(body[:20])


def leave(store, place, run="r1", key=None):
    """The record of a training that is done."""
    with recorded(store, run, place, "train") as record:
        record.fields["key"] = key
    return f"runs/{run}/{place}/train.json"


@pytest.mark.parametrize("body", NO_DOCUMENTS, ids=repr_of)
def test_what_is_no_record_is_damage_with_its_place(store, body):
    """Cut, empty, of another type, not even text: whoever needs this record is told which one it is."""
    place = leave(store, ANN)
    store.write(place, body)
    for use in (
        lambda: read_record(store, "r1", ANN, "train"),
        lambda: input_manifest(store, "r1", Input("train", ANN, ())),
    ):
        with pytest.raises(DamagedError, match=f"{place}: expected the record of a stage") as caught:
            use()
        assert str(caught.value).isprintable()


def test_the_record_of_another_place_is_damage(store):
    """After two records were exchanged, none is read as the other: not of a family, a stage, or a run."""
    own = leave(store, ANN)
    others = [leave(store, CNN), leave(store, ANN, run="r2")]
    with recorded(store, "r1", ANN, "search"):
        pass
    for other in [*others, "runs/r1/cifar10/ann/seed-0/search.json"]:
        store.write(own, store.read(other))
        with pytest.raises(DamagedError, match=rf"{own}: expected the record of this place, received that of"):
            read_record(store, "r1", ANN, "train")


def test_a_record_of_an_earlier_release_is_read(store):
    """A record that names neither its run nor a budget is what releases before this one wrote."""
    place = leave(store, ANN, key="k1")
    fields = json.loads(store.read(place))
    store.write(place, json.dumps({name: fields[name] for name in fields if name not in ("run", "budget")}).encode())
    assert read_record(store, "r1", ANN, "train")["key"] == "k1"


def test_one_damaged_record_is_one_failed_stage_of_its_run(store):
    """The report has a named gap where the record was, and what the other records say."""
    damaged, whole = leave(store, ANN), leave(store, CNN)
    store.write(damaged, b"{")
    by_family = {record["family"]: record for record in read_records(store, "r1")}
    assert by_family["cnn"] == read_record(store, "r1", CNN, "train")
    assert (by_family["ann"]["status"], by_family["ann"]["seed"], by_family["ann"]["key"]) == ("failed", 0, None)
    assert f"{damaged}: expected the record of a stage" in by_family["ann"]["error"]
    assert whole not in by_family["ann"]["error"]


@pytest.mark.parametrize("body", NO_DOCUMENTS, ids=repr_of)
def test_what_is_no_request_is_refused_with_its_place(store, body):
    """Every stage reads the request first: it says which document is none, and does not end in a traceback."""
    request = synthetic.request()
    write_request(store, request)
    store.write(f"runs/{request.run}/request.json", body)
    with pytest.raises(ValueError, match=rf"runs/{request.run}/request\.json: ") as caught:
        read_request(store, request.run)
    assert caught.value.exit_code in (64, 65)
    assert len(str(caught.value)) < 1000


def test_the_request_of_another_run_is_damage(store):
    """A stage works for the run that it was started for, and for no other whose request lies there."""
    request = synthetic.request()
    write_request(store, request)
    store.write("runs/other/request.json", store.read(f"runs/{request.run}/request.json"))
    with pytest.raises(DamagedError, match=rf"expected the request of other, received that of {request.run}"):
        read_request(store, "other")


@pytest.mark.parametrize("body", [*NO_DOCUMENTS, b"-1", b"1.5", b"2"], ids=repr_of)
def test_a_number_that_is_none_or_anothers_is_no_runs_number(store, body):
    """What stands under a run's name in the order is believed only if that number names this run."""
    run_number(store, "r1")
    run_number(store, "r2")
    store.write("order/runs/r1.json", body)
    if body == b"7":
        store.write("order/numbers/00000007.json", b'"r2"')
    with pytest.raises(DamagedError, match=r"order/.*json: expected .*; delete it"):
        run_number(store, "r1")


@pytest.mark.parametrize("body", [*NO_DOCUMENTS, b'{"run": "r1", "status": "complete"}'], ids=repr_of)
def test_a_damaged_report_of_the_order_is_not_published(store, body):
    """The latest report is the newest whose entry is whole and says the run that has this number."""
    for run in ("r1", "r2"):
        publish(store, run, "complete")
    store.write("order/reports/00000002.json", body)
    publish(store, "r1", "partial")
    assert json.loads(store.read(LATEST)) == {"run": "r1", "status": "partial"}


@pytest.mark.parametrize("body", NO_DOCUMENTS, ids=repr_of)
def test_a_damaged_record_keeps_every_artifact_that_it_may_have_named(store, tmp_path, body, caplog):
    """The sweep of what no run uses names the record that it cannot read, and spares the artifacts of its stage."""
    (tmp_path / "output").mkdir()
    for stage in ("train", "search"):
        commit(store, stage, "k1", tmp_path / "output", {}, {})
    place = leave(store, ANN, key="k1")
    store.write(place, body)
    found = list(find_garbage(store, timedelta(0), unused=True))
    assert [garbage.name for garbage in found] == ["artifacts/search/k1/manifest.json"]
    assert place in caplog.text


def test_objects_that_are_no_artifacts_do_not_end_the_sweep(store):
    """What somebody put beside the artifacts stays, and the sweep goes on."""
    for key in ("artifacts/note", "artifacts/train/note", "runs/note.json", "runs/r1/note.json", "checkpoints/note"):
        store.write(key, b"hello")
    Record(store, "r1", ANN, "train")
    assert list(find_garbage(store, timedelta(0), unused=True)) == []
