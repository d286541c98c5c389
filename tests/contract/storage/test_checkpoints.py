"""Checkpoints in either kind of store."""

from tests.support.attempts import attempt, names, saved, state


def test_the_latest_state_comes_back_and_at_most_two_are_kept(stores):
    """In either kind of store: what was saved last is found by the next attempt; all vanish with the artifact."""
    assert attempt(stores).latest() is None
    keeper = saved(stores, 1, 2, 3, 4, 5)
    assert attempt(stores).latest() == state(5)
    assert [name[:6] for name in names(stores)] == ["000004", "000005"]
    keeper.clear()
    assert names(stores) == []
