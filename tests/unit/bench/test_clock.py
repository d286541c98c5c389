import pytest

from tasks.runs.meter import Taken
from tests.bench.clock import Speed, of_stages, seconds, speed, timed, total
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


def test_the_stages_of_a_run_have_cpu_seconds_but_for_the_report():
    """Its own are not known while it is made; a run of an earlier release knows none."""
    stages = [{"stage": "train", "cpu_seconds": 2.0}, {"stage": "report", "cpu_seconds": None}]
    assert list(of_stages({"stages": stages}).values()) == [2.0]
    assert list(of_stages({"stages": [{"stage": "train"}]}).values()) == [None]


@pytest.mark.parametrize(("values", "expected"), [([1.0, 2.0], 3.0), ([1.0, None], None), ([], 0)])
def test_a_sum_with_a_gap_is_not_known(values, expected):
    """What earlier releases did not write is not taken for nothing."""
    assert total(values) == expected
