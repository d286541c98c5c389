"""Hyperband as the benchmark uses it: how many epochs it trains."""

from itertools import pairwise

import pytest

from tests.bench.hyperband import all_epochs
from tests.support.lazy import Lazy

keras_tuner = Lazy("keras_tuner")


@pytest.mark.parametrize("longest", [1, 2, 3, 5, 9, 10, 26, 27, 100])
def test_hyperbands_epochs_are_known_beforehand(longest):
    """The sum over all rounds of Keras Tuner's own oracle; a trial goes on where its last round ended."""
    objective = keras_tuner.Objective("val_accuracy", "max")
    oracle, epochs = keras_tuner.oracles.HyperbandOracle(objective=objective, max_epochs=longest), 0
    for bracket in range(oracle._get_num_brackets()):
        ends = [0, *(oracle._get_epochs(bracket, number) for number in range(bracket + 1))]
        epochs += sum(oracle._get_size(bracket, number) * (b - a) for number, (a, b) in enumerate(pairwise(ends)))
    assert all_epochs(longest) == epochs
