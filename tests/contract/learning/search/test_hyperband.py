"""Hyperband: how many trials it has."""

import pytest

from tasks.settings.training import hyperband_trials
from tests.support.lazy import Lazy

keras_tuner = Lazy("keras_tuner")


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 9, 26, 27, 81, 100, 243, 10_000])
def test_the_settings_know_how_many_trials_hyperband_has(epochs):
    """The bound in the settings is the sum of all rounds of all brackets of Keras Tuner's own oracle."""
    objective = keras_tuner.Objective("val_accuracy", "max")
    oracle = keras_tuner.oracles.HyperbandOracle(objective=objective, max_epochs=epochs)
    brackets = range(oracle._get_num_brackets())
    sizes = [oracle._get_size(bracket, round_) for bracket in brackets for round_ in range(bracket + 1)]
    assert hyperband_trials(epochs) == sum(sizes)
