"""The promises of `tasks.comparison.together`: what is claimed together, and what a dataset says by itself."""

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.together import adjusted, alone
from tests.support import synthetic

TWO = (synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000))


def compared(datasets=TWO, *, accuracy=0.6, **asked):
    """The comparison of made-up models that are about equally good."""
    request = synthetic.request(datasets, **asked)
    branches = synthetic.everything(request, examples=300, accuracy=accuracy)
    return compare(request, branches, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)


def test_p_values_are_adjusted_over_the_whole_run():
    """A difference that is one of two has its p-value doubled at most, and never made smaller."""
    both = compared()
    for dataset in both.datasets:
        (together,) = dataset.differences
        ((own,),) = (each.differences for each in alone(both, dataset.name).datasets)
        assert own.p_value == own.p_value_unadjusted == together.p_value_unadjusted
        assert own.p_value <= together.p_value <= min(1, 2 * own.p_value)


@pytest.mark.parametrize("accuracy", [None, 0.6])
@pytest.mark.parametrize("budgets", [(), (100_000, 250_000)])
def test_a_dataset_taken_out_says_what_its_own_run_would(accuracy, budgets):
    """Its comparisons are those that it has without any other dataset."""
    both = compared(accuracy=accuracy, budgets=budgets)
    for dataset in TWO:
        single = compared((dataset,), accuracy=accuracy, budgets=budgets)
        found = alone(both, dataset.name)
        assert found.datasets == single.datasets
        assert found.frontiers == single.frontiers
        assert found.data == single.data


def test_datasets_put_together_again_are_as_before():
    """Nothing of a dataset is lost by looking at it alone."""
    both = compared()
    assert adjusted(part for each in TWO for part in alone(both, each.name).datasets) == both.datasets
