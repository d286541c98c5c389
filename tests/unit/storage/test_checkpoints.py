"""Checkpoints in the store: what is believed, what is kept, and what overlapping attempts do to each other."""

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.storage import checkpoints
from tasks.storage.contract import StoreError
from tasks.storage.location import open_store
from tests.support.attempts import attempt, names, saved, state

FOLDER = "checkpoints/train/k1"


def test_another_attempt_goes_on_pruning(store):
    """What an earlier attempt left is pruned by the one that went on from it."""
    saved(store, 1, 2)
    later = attempt(store)
    later.latest()
    later.save(3, state(3))
    assert [name[:6] for name in names(store)] == ["000002", "000003"]
    later.save(4, state(4))
    assert [name[:6] for name in names(store)] == ["000003", "000004"]


def flip(path, other):
    path.write_bytes(b"x" + path.read_bytes()[1:])


def cut(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def exchange(path, other):
    path.write_bytes(other.read_bytes())


def rename(path, other):
    path.rename(path.with_name(f"000009{path.name[6:]}"))


def forge(path, other):
    body = b"who knows"
    path.with_name(f"000009-{hashlib.sha256(body).hexdigest()}").write_bytes(body)
    path.unlink()


@pytest.mark.parametrize("harm", [flip, cut, exchange, rename, forge])
def test_what_does_not_fit_its_seal_is_passed_over(store, tmp_path, harm, caplog):
    """A flipped byte, a lost one, another's bytes, another's step, bytes from nowhere: the one before is taken."""
    saved(store, 1, 2)
    first, second = sorted((tmp_path / "store" / FOLDER).iterdir())
    harm(second, first)
    assert attempt(store).latest() == state(1)
    assert "damaged, or belongs to other work; it is ignored" in caplog.text


def test_other_work_is_never_gone_on_from(store, tmp_path, monkeypatch):
    """Neither another key's checkpoint, though somebody moved it here, nor that of other releases."""
    saved(store, 1)
    (path,) = (tmp_path / "store" / FOLDER).iterdir()
    store.upload(f"checkpoints/train/k2/{path.name}", path)
    assert attempt(store, "k2").latest() is None
    monkeypatch.setattr(checkpoints, "versions", lambda: {"keras": "0"})
    assert attempt(store).latest() is None


def test_what_is_damaged_does_not_push_out_what_is_whole(store, tmp_path):
    """Damaged objects of high steps neither count as kept nor stay once the work has passed them."""
    saved(store, 5, 6)
    for path in (tmp_path / "store" / FOLDER).iterdir():
        path.write_bytes(b"")
    later = attempt(store)
    assert later.latest() is None
    for step in range(1, 8):
        later.save(step, state(step))
        assert attempt(store).latest() == state(step)
    assert [name[:6] for name in names(store)] == ["000006", "000007"]


def test_a_store_that_is_away_costs_the_checkpoint_and_not_the_work(store, tmp_path, caplog):
    """A save that fails is a line in the log; the next one that succeeds is found. Reading is another matter."""
    keeper = saved(store, 1)
    folder = tmp_path / "store" / FOLDER
    folder.rename(tmp_path / "away")
    folder.write_bytes(b"a file where the folder was")
    keeper.save(2, state(2))
    keeper.clear()
    assert re.search("checkpoint of step 2: .*; the work goes on", caplog.text)
    folder.unlink()
    Path(tmp_path / "away").rename(folder)
    assert attempt(store).latest() == state(1)
    keeper.save(3, state(3))
    assert attempt(store).latest() == state(3)


class Unreachable:
    """A store that refuses everything."""

    uri = "s3://away"

    def list(self, prefix):
        raise StoreError("s3://away: no answer")


def test_starting_over_is_no_answer_to_a_store_that_does_not_answer():
    """What it holds would be done twice: the attempt fails, and the next one goes on."""
    with pytest.raises(StoreError):
        attempt(Unreachable()).latest()


ACTIONS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["work", "die"])), max_size=60)


@settings(max_examples=60)
@given(ACTIONS)
def test_attempts_that_overlap_never_throw_the_work_back(tmp_path_factory, actions):
    """However three attempts take turns, die and start again: a new one goes on from the highest step ever saved."""
    store = open_store(tmp_path_factory.mktemp("store").as_uri())
    alive, highest = {}, 0
    for who, action in actions:
        if action == "die":
            alive.pop(who, None)
            continue
        if who not in alive:
            keeper = attempt(store)
            found = keeper.latest()
            alive[who] = keeper, int(found[: len(found) // 1000]) if found else 0
            assert alive[who][1] == highest
        keeper, step = alive[who]
        alive[who] = keeper, step + 1
        keeper.save(step + 1, state(step + 1))
        highest = max(highest, step + 1)
        assert attempt(store).latest() == state(highest)
