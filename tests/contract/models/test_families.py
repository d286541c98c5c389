"""Both families: every choice meets the budget, and the arithmetic agrees with Keras."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.settings.training import BUDGET_TOLERANCE as TOLERANCE
from tasks.settings.training import Tricks
from tests.support.lazy import Lazy

keras = Lazy("keras")
keras_tuner = Lazy("keras_tuner")
ann = Lazy("tasks.models.ann")
cnn = Lazy("tasks.models.cnn")

FAMILIES = [ann, cnn]
BOTH = pytest.mark.parametrize("family", FAMILIES, ids=["ann", "cnn"])
AMPLE = 15_000  # from here on one unit more of some width is always a small step
SHAPES = [(8, 8, 1), (12, 12, 1), (28, 28, 1), (32, 32, 3), (17, 9, 2)]


@st.composite
def choices(draw, family):
    """Any point of a family's search space, with any of the tricks that shape a network."""
    tricks = Tricks(**{name: draw(st.booleans()) for name in ("whitening", "identity")})
    hp = keras_tuner.HyperParameters()
    family.choices(hp, tricks)
    hp.values = {dimension.name: draw(st.sampled_from(list(dimension.values))) for dimension in hp.space}
    return family.choices(hp, tricks), hp


@BOTH
@settings(max_examples=300)
@given(st.data())
def test_every_choice_lands_within_one_percent(family, data):
    """Whatever the depth, kernel, pooling, shape, classes and budget: the widths meet the budget on both sides."""
    chosen, _ = data.draw(choices(family))
    shape = data.draw(st.sampled_from(SHAPES))
    classes = data.draw(st.integers(2, 20))
    budget = data.draw(st.integers(AMPLE, 2_000_000))
    widths = family.widths(chosen, shape, classes, budget)
    assert abs(family.parameters(chosen, shape, classes, widths) - budget) <= TOLERANCE * budget


@BOTH
@settings(max_examples=100)
@given(st.data())
def test_a_smaller_budget_is_met_as_well_or_refused_in_words(family, data):
    """Where widths are few and steps are large: within 1 %, or an error that names the nearest size."""
    chosen, _ = data.draw(choices(family))
    shape, budget = data.draw(st.sampled_from(SHAPES)), data.draw(st.integers(2_000, AMPLE))
    widths, said = None, ""
    try:
        widths = family.widths(chosen, shape, 10, budget)
    except ValueError as error:
        said = str(error)
    if widths is None:
        assert re.search(r"expected (a size that widths can meet|at least)", said)
    else:
        assert abs(family.parameters(chosen, shape, 10, widths) - budget) <= TOLERANCE * budget


@BOTH
@settings(max_examples=12)
@given(st.data())
def test_the_formula_is_what_keras_counts(family, data):
    """The arithmetic counts every weight that the built model carries, moving statistics included."""
    chosen, hp = data.draw(choices(family))
    shape = data.draw(st.sampled_from(SHAPES))
    budget = data.draw(st.integers(AMPLE, 60_000))
    model = family.build(hp, shape, 7, budget, chosen.tricks)
    assert model.count_params() == family.parameters(chosen, shape, 7, family.widths(chosen, shape, 7, budget))
    assert model.output_shape == (None, 7)
    assert np.isfinite(model(np.zeros((2, *shape), np.float32))).all()
    keras.utils.clear_session()


@BOTH
@pytest.mark.parametrize(("shape", "budget"), [((28, 28, 1), 125_000), ((32, 32, 3), 250_000)])
def test_the_project_s_own_budgets_are_met(family, shape, budget):
    """The configured datasets get models of their size at the defaults."""
    hp = keras_tuner.HyperParameters()
    assert family.build(hp, shape, 10, budget, Tricks()).count_params() == pytest.approx(budget, rel=TOLERANCE)


@BOTH
def test_a_budget_below_the_smallest_model_names_the_minimum(family):
    """A hopeless budget is refused before anything is built, with the number that would do."""
    with pytest.raises(ValueError, match=r"expected at least [\d,]+ parameters.*received 40"):
        family.build(keras_tuner.HyperParameters(), (32, 32, 3), 10, 40, Tricks())


def test_the_dense_family_has_no_convolution():
    """Dense layers only: what the ANN is compared for is that it has no weight sharing."""
    network = ann.build(keras_tuner.HyperParameters(), (28, 28, 1), 10, 50_000, Tricks())
    kinds = {type(layer).__name__ for layer in network.layers}
    assert kinds <= {
        "InputLayer",
        "AveragePooling2D",
        "Flatten",
        "Dense",
        "PrincipalDense",
        "Add",
        "BatchNormalization",
        "Activation",
        "Dropout",
    }
