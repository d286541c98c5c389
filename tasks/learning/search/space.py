"""The space of a search: every choice of a family and of the optimizer, at the values of the first trial."""

from typing import NamedTuple

import keras
import keras_tuner
from keras_tuner.engine import hyperparameters as dimensions

from tasks.errors import RequestError
from tasks.learning.network import Description, core
from tasks.learning.optimizers import optimizer_space
from tasks.settings.reading.messages import one_of


class First(NamedTuple):
    """What a search begins with: its space at the values of the first trial, and the model of these."""

    space: keras_tuner.HyperParameters
    model: keras.Model


def space(description: Description) -> keras_tuner.HyperParameters:
    """The space of `first`; raises as it does."""
    return first(description).space


def first(description: Description) -> First:
    """The family's search space and the optimizer's, at the hyper-parameters of `description`, or at the defaults.

    Raises:
        RequestError: a hyper-parameter of `description` is none of the space, or has a value outside of it.
        BudgetError: no widths meet the budget.
    """
    hp = keras_tuner.HyperParameters()
    hp.values = dict(description.hyperparameters)
    try:
        model = core(description, hp)
        optimizer_space(hp)
    finally:  # a value outside of the space may be why there is no model
        _check_values(description, hp)
    known = [dimension.name for dimension in hp.space]
    for name in description.hyperparameters:
        if name not in known:
            raise RequestError(f"hyper-parameter: {one_of(known, name)}")
    return First(hp, model)


def _check_values(description: Description, hp: keras_tuner.HyperParameters) -> None:
    given = description.hyperparameters
    for dimension in hp.space:
        if dimension.name in given and (problem := _problem(dimension, given[dimension.name])):
            raise RequestError(
                f"hyper-parameter {dimension.name}: expected {problem}, received {given[dimension.name]!r}"
            )


def _problem(dimension: dimensions.HyperParameter, value: object) -> str | None:
    """What a value of this dimension has to be, where `value` is not."""
    if isinstance(dimension, dimensions.Int | dimensions.Float):
        kind, word = (int, "whole number") if isinstance(dimension, dimensions.Int) else (int | float, "number")
        is_one = isinstance(value, kind) and not isinstance(value, bool)
        if is_one and dimension.min_value <= value <= dimension.max_value:
            return None
        return f"a {word} from {dimension.min_value} to {dimension.max_value}"
    values = _values(dimension)
    if any(type(value) is type(each) and value == each for each in values):
        return None
    return f"one of {', '.join(map(repr, values))}"


def _values(dimension: dimensions.HyperParameter) -> list[object]:
    """All values of a dimension that has no range."""
    if isinstance(dimension, dimensions.Boolean):
        return [False, True]
    return [dimension.value] if isinstance(dimension, dimensions.Fixed) else list(dimension.values)
