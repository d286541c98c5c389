"""What is no training keeps to its share of a training's time."""

from tasks.learning.loops.pace import Pace, Pulse


def test_a_checkpoint_keeps_to_its_share_of_the_time():
    """One that took long waits until it is 2 % of the time since; the first, whose cost nobody knows, is taken."""
    pace = Pace()
    assert pace.allows()
    with pace:
        pass
    pace._cost, pace._end = 1.0, pace._end - 49
    assert not pace.allows()
    pace._end -= 2
    assert pace.allows()


def test_a_sign_of_life_waits_for_its_turn():
    """No line before its seconds have passed, then one, and after a store that was slow none for long."""
    lines = []
    pulse = Pulse(lines.append, seconds=5)
    pulse.beat("1/2", 0.1, 2.0)
    assert lines == []
    pulse._pace._end -= 6
    pulse.beat("1/2", 0.25, 1.5)
    pulse.beat("1/2", 0.30, 1.5)
    assert lines == ["epoch 1/2, 25 %, loss 1.500"]
    assert pulse.spent > 0
    pulse._pace._cost, pulse._pace._end = 1.0, pulse._pace._end - 40
    pulse.beat("1/2", 0.5, 1.0)
    assert len(lines) == 1
