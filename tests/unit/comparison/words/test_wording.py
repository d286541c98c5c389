"""The promises of `tasks.comparison.words.wording` and `tasks.comparison.words.verdict`."""

import pytest

from tasks.comparison.schema.differences import Difference
from tasks.comparison.words import wording
from tasks.comparison.words.verdict import verdict
from tests.support.differences import difference


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
        (wording.confidence(0.05), "95 %"),
        (wording.confidence(0.0106), "98.9 %"),
        (wording.p_value(0.0004), "p < 0.001"),
        (wording.p_value(0.0214), "p = 0.021"),
        (wording.duration(0.418), "0.42 s"),
        (wording.duration(59.97), "1 min 00 s"),
        (wording.duration(125), "2 min 05 s"),
        (wording.duration(3840), "1 h 04 min"),
        (wording.ratio(6.234), "6.2"),
        (wording.ratio(1234.5), "1,234"),
        (wording.significant(0.0021349), "0.00213"),
        (wording.significant(0.0000556), "0.0000556"),
        (wording.significant(-1234.5), "\N{MINUS SIGN}1,230"),
        (wording.moment(999.6e-6), "1 ms"),
        (wording.moment(0.9996), "1.0 s"),
        (wording.moment(41.23e-6), "41.2 µs"),
        (wording.moment(5.56e-11), "0.0000556 µs"),
        (wording.operations(999_600), "1 million"),
        (wording.operations(506_890), "507 thousand"),
        (wording.operations(1.23456e12), "1,230 billion"),
        (wording.size(999_996_000), "1.00 GB"),
        (wording.money(0.0000556, "USD"), "0.0000556 USD"),
        (wording.money(0.9996, "USD"), "1.00 USD"),
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


def said(found: Difference) -> str:
    """The verdict on a dataset with this difference alone, without its start."""
    return verdict("X", 5000, [], [found], []).removeprefix("On X at 5,000 parameters ")


def test_a_worse_family_is_worse_by_a_positive_number():
    """Signs are turned with the word, and the bounds stand in rising order."""
    assert said(difference(-0.032, 0.01)) == (
        "the CNN is worse than the ANN by 3.2 points (95 % interval 2.2 to 4.2; 3 seeds, p = 0.004). "
        "The ANN is the cheaper one, too: training the CNN takes 2.0 times as long (95 % interval 1.9 to 2.1)."
    )


def test_an_interval_says_how_sure_it_is():
    """One look of ten has a wider interval, which is not called one of 95 %."""
    assert "95 % interval 2.2" in said(difference(-0.032, 0.01))
    assert "98.9 % interval 2.2" in said(difference(-0.032, 0.01, level=0.0106))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (difference(0.001, 0.003), "the CNN and the ANN are practically equal: they differ by at most 0.5 points ("),
        (
            difference(0.01, 0.012),
            "the CNN is better than the ANN or equal to it: it is not worse by more than 0.5 points (",
        ),
        (
            difference(-0.01, 0.012),
            "the CNN is worse than the ANN or equal to it: it is not better by more than 0.5 points (",
        ),
        (
            difference(0.001, 0.04),
            "it is undecided whether the CNN or the ANN is better: "
            "this design detects differences of 5.6 points or more",
        ),
    ],
)
def test_what_is_not_detected_has_verdicts_of_its_own(found, words):
    """Equal is not undecided: what the interval rules out is said, with the interval."""
    assert said(found).startswith(words)
    assert f"{wording.points(found.low)} to {wording.points(found.high)}; 3 seeds, p = 0.700). " in said(found)
