"""The promises of `tasks.comparison.wording` and `tasks.comparison.verdict`."""

import pytest

from tasks.comparison import wording
from tasks.comparison.schema.differences import Difference, SeedTest
from tasks.comparison.verdict import verdict


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.percent(0.91346), "91.3 %"),
        (wording.percent(-0.00001), "0.0 %"),
        (wording.percent(None), "\N{EN DASH}"),
        (wording.points(-0.0321), "\N{MINUS SIGN}3.2"),
        (wording.points(0.00021), "0.02"),
        (wording.points(-0.00021), "\N{MINUS SIGN}0.02"),
        (wording.points(1e-17), "0.0"),
        (wording.p_value(0.04999), "p = 0.04999"),
        (wording.p_value(0.0499999999), "p < 0.05"),
        (wording.p_value(0.05), "p = 0.050"),
        (wording.count(250_000), "250,000"),
        (wording.p_value(0.0004), "p < 0.001"),
        (wording.p_value(0.0214), "p = 0.021"),
        (wording.duration(0.418), "0.42 s"),
        (wording.duration(59.97), "1 min 00 s"),
        (wording.duration(125), "2 min 05 s"),
        (wording.duration(3840), "1 h 04 min"),
        (wording.ratio(6.234), "6.2"),
        (wording.ratio(1234.5), "1,234"),
        (wording.significant(0.0021349), "0.00213"),
        (wording.size(1_040_000), "1.04 MB"),
        (wording.family_title("ann"), "ANN"),
        (wording.family_title("mixer_net"), "mixer_net"),
        (wording.the_family("ann"), "the ANN"),
        (wording.the_family("a_family"), "a_family"),
        (wording.starting("the ANN is better."), "The ANN is better."),
        (wording.starting("mixer is better."), "mixer is better."),
        (wording.enumeration(["a", "b", "c"]), "a, b and c"),
        (wording.enumeration([]), ""),
        (wording.plural(1, "seed"), "1 seed"),
        (wording.plural(3, "seed"), "3 seeds"),
    ],
)
def test_numbers_read_well(written, expected):
    """Each kind of number has one way to be written."""
    assert written == expected


def _difference(**changes) -> Difference:
    test = SeedTest(seed=0, both_right=5, only_family=1, only_reference=3, both_wrong=1, estimate=-0.2, p_value=0.6)
    values = {
        "family": "cnn", "reference": "ann", "estimate": -0.032, "low": -0.041, "high": -0.022, "p_value": 0.004,
        "p_value_unadjusted": 0.002, "conclusion": "worse", "time_ratio": 1.02, "seeds": (test,) * 3,
    }  # fmt: skip
    return Difference(**values | changes)


def test_a_worse_family_is_worse_by_a_positive_number():
    """Signs are turned with the word, and the bounds stand in rising order."""
    assert verdict("X", 5000, [], [_difference()], []) == (
        "On X at 5,000 parameters the CNN is worse than the ANN by 3.2 points "
        "(95 % interval 2.2 to 4.1; 3 seeds, p = 0.004), and takes about as long to train."
    )


def test_no_detectable_difference_is_a_verdict():
    """What cannot be told apart is said to be so, with its interval."""
    undetected = _difference(conclusion="undetected", estimate=0.001, low=-0.004, high=0.006, p_value=0.7)
    assert verdict("X", 5000, [], [undetected], []) == (
        "On X at 5,000 parameters there is no detectable difference between the CNN and the ANN "
        "(0.1 points, 95 % interval \N{MINUS SIGN}0.4 to 0.6; 3 seeds, p = 0.700), "
        "and the CNN takes about as long to train."
    )
