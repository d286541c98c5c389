"""The promises of the first screen: every interval stands where it belongs, on one axis, and says its numbers."""

import re

import pytest

from tasks.comparison.assembly import compare
from tasks.report.pages.answers import NAMES, Axis
from tasks.report.pages.html import to_html
from tests.support import synthetic
from tests.support.differences import difference

WIDE, NARROW = difference(0.2, 0.03), difference(-0.02, 0.01)


def place(axis: Axis, value: float) -> float:
    """Where the value stands, in percent of the width."""
    return float(axis(value).removesuffix("%"))


@pytest.mark.parametrize("named", [False, True])
def test_all_intervals_stand_within_the_width(named):
    """The ends of every interval, 0 and the band of practical equality are drawn, in their order, beside the names."""
    axis = Axis([WIDE, NARROW], named=named)
    values = [NARROW.low, NARROW.high, -0.005, 0.0, 0.005, WIDE.low, WIDE.estimate, WIDE.high]
    places = [place(axis, value) for value in values]
    assert places == sorted(places)
    assert (NAMES if named else 0) < places[0] < places[-1] < 100


def test_equal_steps_have_equal_widths():
    """The axis is linear: one point is as wide in one interval as in another."""
    axis = Axis([WIDE, NARROW], named=False)
    steps = [place(axis, value + 0.01) - place(axis, value) for value in (-0.03, 0.0, 0.1, 0.2)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.02)


def test_the_axis_has_round_numbers():
    """The ticks are round numbers of points, 0 among them, and none lies outside of the axis."""
    ticks = Axis([WIDE, NARROW], named=False).ticks
    assert ticks == pytest.approx([0, 0.1, 0.2])


def test_each_dataset_has_its_line_and_its_interval():
    """Question, answer and interval of each dataset come before the results; a screen reader hears the numbers."""
    request = synthetic.request((synthetic.dataset(), synthetic.dataset("mnist", "MNIST", 100_000)))
    compared = compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT)
    first, _ = to_html(compared).split('<section id="results">')
    assert "is a CNN really better than an ANN" in first
    labels = re.findall(r'<svg class="interval" role="img" [^>]*aria-label="([^"]*)"', first)
    assert len(labels) == first.count('class="line"') == 2
    assert all(
        re.fullmatch(r"Difference in accuracy: [\d.]+\spoints, interval [\d.]+ to [\d.]+", each) for each in labels
    )
    assert all(dataset.title in first for dataset in compared.datasets)


def test_each_budget_has_its_interval():
    """With several budgets, one drawing has an interval for each budget, under its name."""
    request = synthetic.request(budgets=(5_000, 30_000, 120_000))
    compared = compare(
        request, synthetic.frontier(request, ann=(0.5, 0.5, 0.6), cnn=(0.4, None, 0.7)), [], {}, synthetic.ENVIRONMENT
    )
    first, _ = to_html(compared).split('<section id="results">')
    assert re.findall(r'<text y="\d+">([\d,]+)</text>', first) == ["5,000", "120,000"]
    assert "worse at 1 of 3 budgets, better at 1, not compared at 1" in first.replace("\N{NO-BREAK SPACE}", " ")
