"""The interval over seeds and examples: its numbers are those of others' programs, and it covers what it promises."""

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm

from tasks.comparison.statistics.crossed import of_accuracy, of_difference, of_samples, squares
from tests.support.crossed_models import Cell, answers

HITS = st.tuples(st.integers(1, 4), st.integers(2, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))


def drawn(seeds, examples, seed, accuracy):
    """Hits of two families."""
    generator = np.random.default_rng(seed)
    return generator.random((2, seeds, examples)) < accuracy


def table(values):
    """One row for each value, as statsmodels wants them."""
    seeds, examples = np.indices(values.shape)
    return pandas.DataFrame({"value": values.ravel(), "seed": seeds.ravel(), "example": examples.ravel()})


def test_the_mean_squares_are_those_of_an_analysis_of_variance():
    """As statsmodels computes them, of seeds, of examples and of the rest."""
    values = np.random.default_rng(0).normal(size=(4, 12)) + np.arange(4)[:, None]
    expected = anova_lm(ols("value ~ C(seed) + C(example)", table(values)).fit())
    found = squares(values)
    np.testing.assert_allclose(
        [found.seeds, found.examples, found.rest], expected["mean_sq"][["C(seed)", "C(example)", "Residual"]]
    )


def test_the_variances_are_those_of_a_mixed_model():
    """Where no variance is at its bound, a fit by restricted likelihood finds the same ones."""
    generator = np.random.default_rng(3)
    hits = special.expit(2 * generator.normal(size=(1, 40)) + 1.5 * generator.normal(size=(6, 1))) > generator.random(
        (6, 40)
    )
    rows = table(hits.astype(float)).assign(all=1)
    parts = {"seed": "0 + C(seed)", "example": "0 + C(example)"}
    fit = mixedlm("value ~ 1", rows, groups="all", vc_formula=parts, re_formula="0").fit(reml=True)
    found = of_accuracy(hits)
    expected = dict(zip(fit.model.exog_vc.names, fit.vcomp, strict=True)) | {"rest": fit.scale}
    assert found.seed_variance == pytest.approx(expected["seed"], rel=0.02)
    assert found.example_variance == pytest.approx(expected["example"], rel=0.02)
    assert found.rest_variance == pytest.approx(expected["rest"], rel=0.02)


def test_one_seed_is_a_paired_test_of_two_proportions():
    """The interval speaks of these two models alone: among many examples it is that of a paired t-test.

    Among few it is Bonett and Price's, whose two made-up examples are here half the square of the normal quantile.
    """
    family, reference = drawn(1, 20_000, 5, 0.7)
    expected = stats.ttest_rel(family[0].astype(float), reference[0].astype(float))
    found = of_difference(family, reference)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-3)
    assert found.interval(0.05) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-3)
    few, other = drawn(1, 60, 5, 0.7)
    quantile, added = stats.t.ppf(0.975, 59), stats.norm.ppf(0.975) ** 2 / 2
    only, otherwise = ((np.sum(each) + added / 2) / (60 + added) for each in (few & ~other, other & ~few))
    half = quantile * np.sqrt((only + otherwise - (only - otherwise) ** 2) / (60 + added))
    low, high = of_difference(few, other).interval(0.05)
    assert (low, high) == pytest.approx((only - otherwise - half, only - otherwise + half), rel=0.02)


def test_many_seeds_on_one_mean_are_welchs_test():
    """Where the seeds' spread is all that counts, two families are two samples of different spread."""
    generator = np.random.default_rng(2)
    rates = [generator.normal(mean, spread, (8, 1)) for mean, spread in ((0.75, 0.04), (0.7, 0.09))]
    order = (np.arange(4_000) * 0.61803398875) % 1
    family, reference = (order[None] < rate for rate in rates)
    expected = stats.ttest_ind(family.mean(axis=1), reference.mean(axis=1), equal_var=False)
    assert of_difference(family, reference).error(0.05) == pytest.approx(
        (family.mean() - reference.mean()) / expected.statistic, rel=0.05
    )


@given(HITS, st.floats(0.001, 0.2))
@settings(max_examples=100)
def test_the_p_value_and_the_interval_agree(case, alpha):
    """The interval leaves out 0 if and only if the p-value is below the level; it always holds the mean."""
    family, reference = drawn(*case)
    found = of_difference(family, reference)
    low, high = found.interval(alpha)
    assert low < found.mean < high
    assert (found.p_value < alpha) == (low > 0 or high < 0)
    assert 0 <= found.p_value <= 1
    assert found.freedom > 0


@given(HITS)
@settings(max_examples=100)
def test_the_order_and_the_sides_do_not_count(case):
    """Seeds and examples in another order give the same; the families exchanged give the mirror image."""
    family, reference = drawn(*case)
    generator = np.random.default_rng(0)
    examples, seeds = generator.permutation(family.shape[1]), generator.permutation(family.shape[0])
    found, again = of_difference(family, reference), of_difference(reference, family)
    other = of_difference(family[seeds][:, examples], reference[seeds][:, examples])
    assert other.interval(0.05) == pytest.approx(found.interval(0.05))
    assert other[1:] == pytest.approx(found[1:])
    assert again.interval(0.05)[::-1] == pytest.approx([-bound for bound in found.interval(0.05)])
    assert again[1:] == pytest.approx(found[1:])


def test_equal_models_may_differ_on_examples_that_were_not_drawn():
    """Two families that are right on the very same examples have an interval of almost three examples to each side."""
    hits = np.random.default_rng(1).random((3, 500)) < 0.8
    hits[:] = hits[0]
    found = of_difference(hits, hits)
    low, high = found.interval(0.05)
    assert (found.mean, found.p_value, low) == (0, 1, -high)
    assert 2.6 / 500 < high < 3 / 500


@pytest.mark.parametrize("examples", [100, 400, 1000])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_models_that_hardly_ever_differ_are_covered_too(examples, alpha):
    """A family that is always right beside one that rarely errs, whatever its true share of errors.

    The interval misses the truth in at most 1.75 times the promised share of cases, and so does that of one accuracy.
    The probabilities are exact, summed over how many errors the examples may show.
    """
    right, counts = np.ones((1, examples), bool), range(60)
    shown = [(np.arange(examples) >= count)[None] for count in counts]
    differences = np.array([of_difference(right, hits).interval(alpha) for hits in shown])
    accuracies = np.array([of_accuracy(hits).interval(alpha) for hits in shown])
    for share in np.linspace(0.05, 12, 200) / examples:
        likely = stats.binom.pmf(counts, examples, share)
        for (low, high), truth in ((differences.T, share), (accuracies.T, 1 - share)):
            assert likely[(low <= truth) & (truth <= high)].sum() > 1 - 1.75 * alpha


CELLS = [
    Cell(seeds, examples, accuracy, spread)
    for seeds, examples, accuracy, spread in [
        (2, 1000, 0.9, 0.02), (2, 1000, 0.88, 0.3), (3, 300, 0.5, 0.02), (3, 2000, 0.9, 0.1), (5, 300, 0.99, 0.05),
        (10, 1000, 0.75, 0.05),
    ]
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_interval_covers_the_truth_as_often_as_it_says(cell):
    """Of 95 % intervals, 92.5 to 99.5 % of 600 hold the true difference; the bench has the finer table."""
    families, truth = answers(cell, 600, 7)
    found = [of_difference(*pair).interval(0.05) for pair in zip(*families, strict=True)]
    share = np.mean([low <= truth <= high for low, high in found])
    assert 0.925 <= share <= 0.995


RUNS = [(2, 2, 0.1), (3, 3, 0.02), (3, 9, 0.1), (9, 3, 0.1), (2, 10, 0.3)]


@pytest.mark.parametrize(("seeds", "others", "spread"), RUNS)
@pytest.mark.parametrize(("estimate", "correlation"), [(of_difference, 0.95), (of_samples, 0.0)])
def test_two_runs_of_one_configuration_rarely_differ(estimate, correlation, seeds, others, spread):
    """Whatever their numbers of seeds, and on the same examples or on others: some 5 % of 600 count as different."""
    cell = Cell(max(seeds, others), 1000, 0.88, spread, correlation)
    (first, second), _ = answers(cell, 600, 7)
    rounds = zip(first[:, :seeds], second[:, :others], strict=True)
    assert 0.01 <= np.mean([estimate(*pair).p_value < 0.05 for pair in rounds]) <= 0.07


def test_more_seeds_of_one_side_tell_more():
    """Nine seeds beside three give narrower intervals than three beside three, and cover as often."""
    (family, reference), truth = answers(Cell(9, 1000, 0.8, 0.1, gap=0.02), 600, 7)
    few, many = (
        np.array([of_difference(*pair).interval(0.05) for pair in zip(part, reference[:, :3], strict=True)])
        for part in (family[:, :3], family)
    )
    assert np.diff(many).mean() < np.diff(few).mean()
    for low, high in (few.T, many.T):
        assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.99


@pytest.mark.parametrize("examples", [1, 2, 700])
def test_other_examples_are_two_samples(examples):
    """Two test parts need not be of one size, and may be of one example; the error is wider than that of the same."""
    family, reference = drawn(3, 1000, 5, 0.8)
    found = of_samples(family, reference[:, :examples])
    assert found.mean == pytest.approx(family.mean() - reference[:, :examples].mean())
    assert found.error(0.05) > of_difference(family, reference).error(0.05)
    assert 0 <= found.p_value <= 1


def test_one_example_tells_nothing():
    """No number is NaN, and no difference counts."""
    found = of_difference(np.ones((3, 1), bool), np.zeros((2, 1), bool))
    assert (found.mean, np.isfinite(found.interval(0.05)).all()) == (1, True)
    assert found.p_value > 0.05
