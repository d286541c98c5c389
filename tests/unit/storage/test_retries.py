"""Retries: an outage of a minute is bridged, a longer one is given up, what does not pass is not tried again."""

import random

import pytest

from tasks.storage.retries import PATIENT, RetryPolicy


class Clock:
    """Time that passes by sleeping only, so that a minute costs nothing."""

    def __init__(self):
        self.now, self.pauses = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tasks.storage.retries.time", clock)
    return clock


def failing_until(clock, end):
    def action():
        if clock.now < end:
            raise OSError("away")
        return "back"

    return action


@pytest.mark.parametrize("seed", range(50))
def test_the_stores_policy_bridges_a_minute(clock, seed):
    """Whatever the chance of the pauses, a server that is away for 60 s is found again."""
    random.seed(seed)
    assert PATIENT.call(failing_until(clock, clock.now + 60), lambda _: True, "read") == "back"


def test_an_outage_without_end_is_given_up(clock, caplog):
    """The wait is bounded by the policy's seconds, the last fault is what is raised, and one line told of the wait."""
    start = clock.now
    with pytest.raises(OSError, match="away"):
        RetryPolicy(30).call(failing_until(clock, float("inf")), lambda _: True, "s3://bucket/key")
    assert 20 < clock.now - start <= 30
    assert caplog.messages == ["s3://bucket/key: away; trying again for up to 30 s"]


def test_pauses_grow_and_differ(clock):
    """Many waiters do not come back at the same moments, and no pause is longer than its bound."""
    for _ in range(20):
        with pytest.raises(OSError, match="away"):
            RetryPolicy(120, longest_pause=8).call(failing_until(clock, float("inf")), lambda _: True, "x")
    assert max(clock.pauses) <= 8
    assert max(clock.pauses) > 4
    assert len(set(clock.pauses)) == len(clock.pauses)


def test_what_does_not_pass_is_raised_at_once(clock):
    """A refusal that time cannot mend costs no wait."""
    with pytest.raises(OSError, match="away"):
        PATIENT.call(failing_until(clock, float("inf")), lambda _: False, "x")
    assert clock.pauses == []
