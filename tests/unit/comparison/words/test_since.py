"""What changed since another run, in one sentence that a person would write."""

import pytest

from tasks.comparison.schema.since import Change, Shift
from tasks.comparison.words.since import day, results, since_line


def shift(family="cnn", title="CIFAR-10", relation="same test part", **values):
    tested = {"low": -0.002, "high": 0.012, "p_value": 0.2, "p_value_unadjusted": 0.1, "exceeds_noise": False}
    named = {"dataset": title.lower(), "title": title, "budget": 250_000, "family": family, "relation": relation}
    numbers = {"before": 0.841, "after": 0.846, "seeds_before": 3, "seeds": 3, "estimate": 0.005}
    return Shift(**named | numbers | (tested if relation.endswith("test part") else {}) | values)


def change(phrase):
    return Change(kind="training", what=phrase, phrase=phrase)


def line(changes, *shifts):
    return since_line("x", "2026-11-02T10:00:00+00:00", "2026-11-09T10:00:00+00:00", changes, shifts)


def test_a_sentence_names_what_changed_and_what_it_did():
    """First what was done differently, then the results."""
    changes = [change("new data version of Shapes"), change("3 more seeds")]
    assert line(changes, shift()) == (
        "Since run x of 2 November: new data version of Shapes and 3 more seeds; "
        "CNN on CIFAR-10 84.6 % after 84.1 %: within the noise."
    )


def test_nothing_new_is_said_too():
    """A run that reused everything."""
    assert line([], shift(relation="same models")) == (
        "Since run x of 2 November: nothing was changed; every model is the same."
    )


def test_of_many_changes_the_first_are_named():
    """The others are counted; the page lists them."""
    said = line([change(f"c{number}") for number in range(9)])
    assert said == "Since run x of 2 November: c0, c1, c2, c3 and 5 more changes."


def test_the_year_is_named_where_it_is_another():
    """A run of last year is not taken for one of this year."""
    assert day("2025-12-30T00:00:00+00:00", "2026-01-02T00:00:00+00:00") == "30 December 2025"
    assert day("2026-11-02T00:00:00+00:00") == "2 November 2026"


def test_what_exceeds_the_noise_comes_first_and_alone():
    """Results that are alike are told together, where they are more than two."""
    better = shift("cnn", "Shapes", exceeds_noise=True, low=0.01, p_value=0.01, estimate=0.02)
    alike = [shift("ann"), shift("cnn"), shift("ann", "Shapes")]
    assert results([*alike, better]) == [
        "CNN on Shapes 84.6 % after 84.1 %: better by 2.0 points",
        "ANN and CNN on CIFAR-10 and ANN on Shapes: within the noise",
    ]


def test_one_seed_cannot_tell():
    """A result that is not tested is not called noise."""
    untested = {"seeds_before": 1, "low": None, "high": None, "p_value": None, "exceeds_noise": None}
    assert results([shift(**untested), shift("ann")]) == [
        "ANN on CIFAR-10 84.6 % after 84.1 %: within the noise",
        "CNN on CIFAR-10 84.6 % after 84.1 %: one seed cannot tell",
    ]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [(3, 5, "under 2 more seeds"), (5, 3, "under 2 fewer seeds"), (3, 3, "under other seeds")],
)
def test_more_and_fewer_seeds_of_one_training_are_told_apart(before, now, said):
    """Also where several results are told together."""
    grown = [shift(name, relation="same training", seeds_before=before, seeds=now) for name in ("ann", "cnn", "mlp")]
    alike = [shift("ann", relation="same models"), *grown, shift("cnn", "Shapes")]
    assert results(alike) == [
        "CNN on Shapes 84.6 % after 84.1 %: within the noise",
        f"ANN, CNN and MLP on CIFAR-10: the same training {said}",
        "ANN on CIFAR-10: the same models",
    ]


def test_many_datasets_are_counted():
    """A sentence about 200 datasets stays a sentence."""
    many = [shift("ann", f"Set {number}") for number in range(200)]
    assert results(many) == ["all 200 results of 200 datasets: within the noise"]
