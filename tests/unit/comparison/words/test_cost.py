"""The second sentence of a verdict: what accuracy costs."""

import pytest

from tasks.comparison.schema.cost import Cost, Ratio
from tasks.comparison.words.cost import cost_in_words
from tests.support.differences import difference

THREE = Ratio(estimate=2.9, low=2.7, high=3.1)
THIRD = Ratio(estimate=1 / 2.9, low=1 / 3.1, high=1 / 2.7)
TWICE = Ratio(estimate=2.1, low=2.0, high=2.2)
BETTER, WORSE, UNDECIDED, EQUAL = (0.1, 0.01), (-0.1, 0.01), (0.001, 0.04), (0.001, 0.003)


def said(place, **cost):
    return cost_in_words(difference(*place, cost=Cost(**cost)))


def test_each_point_has_its_price():
    """Where the better one is the dearer one, the sentence says how much a point of accuracy costs."""
    assert said(BETTER, cpu_seconds=THREE, latency_seconds=TWICE, seconds_per_point=38.2) == (
        "Each point of accuracy that the CNN gains costs 38.2 s more CPU time: training it takes 2.9 times as much "
        "CPU time (95 % interval 2.7 to 3.1), and a prediction takes 2.1 times as long."
    )


def test_the_reference_may_be_the_better_one():
    """Then its ratios are turned round."""
    assert said(WORSE, cpu_seconds=THIRD, latency_seconds=TWICE, seconds_per_point=3.0) == (
        "Each point of accuracy that the ANN gains costs 3.0 s more CPU time: training it takes 2.9 times as much "
        "CPU time (95 % interval 2.7 to 3.1), but a prediction is 2.1 times as fast."
    )


@pytest.mark.parametrize(
    ("place", "ratio", "cheap", "dear"), [(BETTER, THIRD, "CNN", "ANN"), (WORSE, THREE, "ANN", "CNN")]
)
def test_a_winner_that_is_cheaper_too_is_said_to_be(place, ratio, cheap, dear):
    """Better and cheaper leaves nothing to weigh."""
    assert said(place, cpu_seconds=ratio, seconds_per_point=-2.0) == (
        f"The {cheap} is the cheaper one, too: training the {dear} takes 2.9 times as much CPU time "
        "(95 % interval 2.7 to 3.1)."
    )


@pytest.mark.parametrize(
    ("place", "gain"), [(UNDECIDED, "no gain was detected"), (EQUAL, "gains no accuracy that counts")]
)
def test_without_a_winner_the_price_buys_nothing(place, gain):
    """Who pays more for no detected gain reads so; equal families are told from undecided ones."""
    assert said(place, cpu_seconds=THREE).startswith(f"The CNN costs more, and {gain}: training it takes 2.9 ")
    assert said(place, cpu_seconds=THIRD).startswith(f"The ANN costs more, and {gain}: training it takes 2.9 ")


def test_where_the_clock_on_the_wall_counts_it_is_what_the_sentence_speaks_of():
    """Models that learned on a GPU, or of an earlier release; their CPU time is not mentioned."""
    assert said(BETTER, clock="wall", cpu_seconds=THIRD, train_seconds=THREE, seconds_per_point=70.0) == (
        "Each point of accuracy that the CNN gains costs 1 min 10 s more time: training it takes 2.9 times as long "
        "(95 % interval 2.7 to 3.1)."
    )


def test_one_seed_has_a_ratio_without_an_interval():
    """No interval is made up."""
    assert said(BETTER, cpu_seconds=Ratio(estimate=2.9), seconds_per_point=1.0).endswith(
        "training it takes 2.9 times as much CPU time."
    )


def test_costs_that_cannot_be_told_apart_are_not_ranked():
    """A wide interval around 1 says nothing of who is cheaper; a narrow one says that both are alike."""
    wide, narrow = Ratio(estimate=1.4, low=0.7, high=2.8), Ratio(estimate=1.01, low=0.98, high=1.04)
    assert said(BETTER, cpu_seconds=wide, latency_seconds=TWICE) == (
        "Which of the two takes more CPU time to train cannot be told (1.4 times as much, 95 % interval 0.7 to 2.8), "
        "and a prediction by the CNN takes 2.1 times as long."
    )
    assert said(BETTER, cpu_seconds=narrow, latency_seconds=narrow) == (
        "Both take about the same CPU time to train, and predictions take about as long."
    )


def test_nothing_known_is_nothing_said():
    """A dataset without measured costs has no such sentence."""
    assert said(BETTER) == ""
