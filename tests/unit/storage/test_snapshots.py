"""Versions, and work in threads."""

import pytest

from tasks.storage import threads
from tasks.storage.snapshots import Snapshot, StoredFile
from tasks.storage.threads import Pulse, spread


def snapshot(*files, **counts):
    made = (StoredFile(name=name, sha256=f"{content:064x}", size=size) for name, content, size in files)
    return Snapshot(files=tuple(made), **counts)


def test_a_version_is_that_of_names_and_contents():
    """Any of the two changes it; how often a source was listed to learn them does not, nor does JSON."""
    one = snapshot(("a", 1, 5), ("b", 2, 5))
    others = [snapshot(("a", 1, 5)), snapshot(("a", 2, 5), ("b", 1, 5)), snapshot(("a", 1, 5), ("c", 2, 5))]
    assert len({each.version for each in (one, *others)}) == 4
    assert snapshot(("a", 1, 5), ("b", 2, 5), listed=3, read=2).version == one.version
    assert Snapshot.model_validate_json(one.model_dump_json()).version == one.version
    assert one.version == "b5010d2c52c1a462d5a2135c927cc5c2e698998d"  # data in stores hang on it


def test_work_is_spread_and_nothing_is_lost():
    """Each thing comes back once with its result, however many there are."""
    assert dict(spread(lambda number: number**2, range(500))) == {number: number**2 for number in range(500)}


def test_things_are_taken_only_as_far_ahead_as_said():
    """A list that is made as it is worked on is never held as a whole."""
    made, done = [], []
    for thing, _ in spread(lambda thing: thing, (made.append(number) or number for number in range(500))):
        done.append(thing)
        assert len(made) - len(done) <= threads.AHEAD
    assert len(done) == 500


def test_the_first_error_ends_the_work():
    """What has not begun is not begun, and the error is the caller's."""
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        list(spread(work, range(10_000)))
    assert len(begun) < 1000


def test_progress_is_said_every_few_seconds(monkeypatch):
    """With files, their number in all, and bytes; not once a file."""
    said, clock = [], iter(range(100))
    monkeypatch.setattr(threads.time, "monotonic", lambda: next(clock))
    pulse = Pulse(said.append, "read", 9000)
    for _ in range(12):
        pulse.count(1, 2**20)
    assert said[0] == "read: 3 of 9,000 files, 3 MiB"
    assert 2 <= len(said) <= 4
