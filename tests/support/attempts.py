"""Attempts at one work that keep checkpoints, as the tests of both tiers make them."""

from tasks.storage.checkpoints import StoredCheckpoints


def attempt(store, key="k1"):
    """One attempt at the work, as a process of its own would make it."""
    return StoredCheckpoints(store, "train", key)


def state(step):
    """What an attempt has reached after `step`."""
    return b"%d" % step * 1000


def saved(store, *steps):
    """An attempt that has saved its states after these steps."""
    made = attempt(store)
    for step in steps:
        made.save(step, state(step))
    return made


def names(store):
    """The names of the checkpoints in the store, without their folders."""
    return [name.rpartition("/")[2] for name in store.list("checkpoints/")]
