"""Run records: what the newest attempt of a stage says, whatever an older one does."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tasks.runs.records import Record, read_record, read_records, recorded
from tasks.settings.place import Place
from tasks.storage.contract import StoreError

PLACE = Place("cifar10", "cnn", 0)


def test_an_old_attempt_cannot_overwrite_a_newer_one(stores):
    """An attempt that was given up and works on writes where no reader looks, also when it fails at last."""
    with suppress(ValueError), recorded(stores, "r1", PLACE, "train") as old:
        with recorded(stores, "r1", PLACE, "train") as new:
            new.fields["key"] = "of-the-second"
            old.update(key="of-the-first")
        old.progress("still at work")
        raise ValueError("late")
    record = read_record(stores, "r1", PLACE, "train")
    assert (record["status"], record["key"]) == ("done", "of-the-second")
    assert read_records(stores, "r1") == [record]


def test_attempts_at_once_never_share_a_record(stores):
    """However many attempts begin at once, each has a number of its own, and the newest is the one that is read."""
    with ThreadPoolExecutor(12) as pool:
        attempts = list(pool.map(lambda _: Record(stores, "r1", PLACE, "train"), range(12)))
    assert sorted(record.attempt for record in attempts) == list(range(1, 13))
    for record in sorted(attempts, key=lambda record: -record.attempt):
        record.update(progress=str(record.attempt))
    assert read_record(stores, "r1", PLACE, "train")["progress"] == "12"


def test_an_old_attempt_is_told(stores):
    """Before it writes what others read, an attempt can ask whether it is the newest."""
    old = Record(stores, "r1", Place(), "report")
    old.check_newest()
    Record(stores, "r1", Place(), "report").check_newest()
    with pytest.raises(StoreError, match="attempt 2 has begun; attempt 1 leaves the rest to it"):
        old.check_newest()


def test_records_keep_their_places_apart(stores):
    """Stages of other places, scopes and runs, and names that start alike, are not mistaken for one another."""
    for run, place, stage in (
        ("r1", Place("cifar10"), "fetch"),
        ("r1", Place("cifar10", "fetch"), "search"),
        ("r1", Place("cifar10", "cnn", 1), "train"),
        ("r1", Place("cifar10", "cnn", 10), "train"),
        ("r1", Place("cifar10", "cnn", 1, budget=5_000), "train"),
        ("r10", Place("cifar10"), "fetch"),
    ):
        Record(stores, run, place, stage).update(progress=f"{run} {place} {stage}")
    assert read_record(stores, "r1", Place("cifar10", "cnn", 1), "train")["progress"] == "r1 cifar10/cnn/seed-1 train"
    assert read_record(stores, "r1", Place("cifar10"), "search") is None
    at_budget = read_record(stores, "r1", Place("cifar10", "cnn", 1, budget=5_000), "train")
    assert (at_budget["progress"], at_budget["budget"]) == ("r1 cifar10/cnn/budget-5000/seed-1 train", 5_000)
    assert len(read_records(stores, "r1")) == 5


def test_a_clock_that_moves_back_changes_no_order(stores, monkeypatch):
    """Records come in the workflow's order, whatever moment each of them believes to have started at."""
    for stage, moment in (("plan", "2031"), ("fetch", "2030"), ("normalize", "1970")):
        monkeypatch.setattr("tasks.runs.records.now", lambda moment=moment: moment)
        Record(stores, "r1", Place() if stage == "plan" else Place("cifar10"), stage)
    assert [record["stage"] for record in read_records(stores, "r1")] == ["plan", "fetch", "normalize"]
