"""Checkpoints in either kind of store."""

from tasks.storage.checkpoints import StoredCheckpoints


def attempt(store, key="k1"):
    """One attempt at the work, as a process of its own would make it."""
    return StoredCheckpoints(store, "train", key)


def state(step):
    return b"%d" % step * 1000


def saved(store, *steps):
    keeper = attempt(store)
    for step in steps:
        keeper.save(step, state(step))
    return keeper


def names(store):
    return [name.rpartition("/")[2] for name in store.list("checkpoints/")]


def test_the_latest_state_comes_back_and_at_most_two_are_kept(stores):
    """In either kind of store: what was saved last is found by the next attempt; all vanish with the artifact."""
    assert attempt(stores).latest() is None
    keeper = saved(stores, 1, 2, 3, 4, 5)
    assert attempt(stores).latest() == state(5)
    assert [name[:6] for name in names(stores)] == ["000004", "000005"]
    keeper.clear()
    assert names(stores) == []
