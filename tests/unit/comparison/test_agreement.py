"""One verdict from one source: interval, p-value, conclusion and words agree, whatever the evidence is."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.comparison.schema.values import Interval
from tests.support import synthetic
from tests.support.differences import difference

ABOUT = synthetic.dataset()
NUMBER = "([\N{MINUS SIGN}]?[0-9.]+)"
MODES = st.sampled_from(["right", "wrong", "one class", "chance", "mostly right", "as the seed before"])


def guessed(mode, truth, generator, before):
    """Predictions of one model, right or wrong in a given way."""
    if mode == "as the seed before" and before is not None:
        return before
    chance = generator.integers(0, 10, len(truth))
    mostly = np.where(generator.uniform(size=len(truth)) < 0.9, truth, chance)
    ways = {"right": truth, "wrong": (truth + 1) % 10, "one class": 0 * truth + 3, "mostly right": mostly}
    return ways.get(mode, chance)


def evidence(ways, examples, number):
    """A branch for each family; `ways` has a mode for each family and seed."""
    generator = np.random.default_rng(number)
    truth = generator.integers(0, 10, examples)
    request = synthetic.request(families=("ann", "cnn", "mixer")[: len(ways)], replicates=len(ways[0]))
    branches = []
    for family, modes in zip(request.families, ways, strict=True):
        predicted, replicates = None, []
        for seed, mode in enumerate(modes):
            predicted = guessed(mode, truth, generator, predicted)
            one_hot = np.eye(10, dtype=np.float32)[predicted]
            replicates.append(synthetic.measured(request, ABOUT, family, seed, truth, one_hot))
        branches.append(Branch(ABOUT.name, family, "done", replicates=tuple(replicates)))
    return request, branches


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def assert_agrees(comparison):
    """No number is impossible, and no two of them contradict one another."""
    (dataset,) = comparison.datasets
    for model in dataset.models:
        assert 0 <= model.accuracy_interval.low <= model.accuracy <= model.accuracy_interval.high <= 1
    for found in dataset.differences:
        assert -1 <= found.low <= found.estimate <= found.high <= 1
        leaves_out_0 = found.low > 0 or found.high < 0
        assert leaves_out_0 == (found.p_value_unadjusted < 0.05)
        assert found.conclusion == "equal" or (found.p_value < 0.05) == (found.conclusion in ("better", "worse"))
        assert 0 <= found.p_value_unadjusted <= found.p_value <= 1
    assert_reads_well(dataset.verdict)


def assert_reads_well(verdict):
    """What a person reads in the clauses of a verdict is possible, and agrees."""
    found = re.findall(rf"(by [^a]|equal|undecided).*?interval {NUMBER} to {NUMBER}; .*?p (.) ([0-9.]+)", verdict)
    assert found
    for word, low, high, sign, p in found:
        assert -100 <= number(low) <= number(high) <= 100
        if word.startswith("by"):
            assert number(low) > 0
            assert float(p) < 0.05
        elif word == "undecided":
            assert number(low) <= 0 <= number(high)
            assert (sign, float(p) >= 0.05) == ("=", True)


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(MODES, min_size=n, max_size=n), min_size=2, max_size=3)),
    st.sampled_from([1, 2, 5, 30, 300]),
    st.integers(0, 99),
)
@example([["right"], ["right"]], 1, 0)
@example([["wrong"], ["right"]], 1, 0)
@example([["wrong", "wrong"], ["right", "wrong"]], 300, 0)
@example([["chance", "chance"], ["mostly right", "chance"]], 300, 0)
@example([["right", "right"], ["right", "right"]], 30, 0)
@example([["one class"] * 3, ["one class"] * 3], 30, 0)
@settings(max_examples=40)
def test_interval_test_and_words_never_contradict_one_another(ways, examples, number):
    """Of any evidence, also one seed, one example, all right or all wrong, every number is possible and agrees."""
    request, branches = evidence(ways, examples, number)
    assert_agrees(compare(request, branches, [], {}, synthetic.ENVIRONMENT))


def test_two_seeds_that_differ_widely_give_no_impossible_interval():
    """Two seeds far apart once gave an interval of -418.8 to 416.7 points; a difference has at most 100."""
    request, branches = evidence([["wrong", "right"], ["right", "wrong"]], 300, 0)
    (found,) = compare(request, branches, [], {}, synthetic.ENVIRONMENT).datasets[0].differences
    assert (found.low, found.high, found.conclusion) == (-1, 1, "undecided")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (1, "One seed cannot tell how much another training would differ: the interval speaks of these models alone."),
        (2, None),
    ],
)
def test_what_few_seeds_cannot_tell_is_said(seeds, said):
    """A verdict of one seed says in words what it cannot tell; one of two needs no such words."""
    request, branches = evidence([["chance"] * seeds, ["mostly right"] * seeds], 300, 0)
    verdict = compare(request, branches, [], {}, synthetic.ENVIRONMENT).datasets[0].verdict
    assert (said in verdict) if said else (" seeds are" not in verdict and "cannot tell" not in verdict)


def test_a_metric_that_is_no_number_is_an_error_that_names_its_predictions():
    """NaN equals nothing, so it does not pass for the accuracy of the predictions."""
    request, (ann, cnn) = evidence([["chance"], ["chance"]], 30, 0)
    broken = replace(cnn.replicates[0], evaluation=cnn.replicates[0].evaluation | {"accuracy": math.nan})
    with pytest.raises(ValueError, match=r"cnn-seed-0\.npz: expected predictions of accuracy nan"):
        compare(request, [ann, replace(cnn, replicates=(broken,))], [], {}, synthetic.ENVIRONMENT)


CONTRADICTIONS = [
    {"p_value": 0.2, "p_value_unadjusted": 0.1},  # of an interval without 0
    {"p_value": 0.2},  # would be better or equal
    {"p_value": 0.001},  # adjusted, and smaller
    {"conclusion": "worse"},
    {"conclusion": "undecided"},
    {"low": 0.11},
    {"low": -4.188, "high": 4.167},
]


@pytest.mark.parametrize("fields", CONTRADICTIONS)
def test_the_schema_refuses_a_contradiction(fields):
    """A report whose interval, p-value and conclusion disagree, or whose interval is impossible, is no report."""
    assert difference(0.1, 0.01).conclusion == "better"
    with pytest.raises(ValidationError):
        difference(0.1, 0.01, **fields)


def test_the_schema_refuses_an_impossible_accuracy():
    """An accuracy above 100 % or below 0 % cannot stand in a report."""
    for low, high in ((-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(ValidationError):
            Interval(low=low, high=high)
