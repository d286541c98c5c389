import pytest

from tasks.runs.meter import Taken
from tests.bench.clock import Speed, seconds, speed, timed, total
from tests.bench.throughput import times


def test_an_action_is_timed_by_both_clocks():
    """Its result comes with what it took."""
    result, taken = timed(lambda: sum(range(1000)))
    assert result == 499_500
    assert taken.seconds > 0
    assert set(seconds(taken)) == {"seconds", "CPU seconds"}


def test_a_speed_is_of_either_clock():
    """Images by seconds."""
    assert speed(100, Taken(seconds=2.0, cpu_seconds=1.0)) == Speed(wall=50, cpu=100)


def test_another_way_is_held_against_ours_turn_by_turn():
    """Half the speed is twice the time; no turns leave the cells empty."""
    ours, others = [Speed(10, 20), Speed(10, 20)], [Speed(5, 5), Speed(5, 5)]
    row = times("other", ours, others)
    assert (row["other by ours, wall, median"], row["other by ours, CPU, median"]) == (2, 4)
    assert set(times("other", [], []).values()) == {None}


@pytest.mark.parametrize(("values", "expected"), [([1.0, 2.0], 3.0), ([1.0, None], None), ([], 0)])
def test_a_sum_with_a_gap_is_not_known(values, expected):
    """What earlier releases did not write is not taken for nothing."""
    assert total(values) == expected
