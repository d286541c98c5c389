"""Batch normalisation by one kernel: the same numbers as Keras' own."""

import numpy as np
import pytest

from tests.support.lazy import Lazy

keras = Lazy("keras")
normalisation = Lazy("tasks.learning.layers.normalisation")
SHAPES = [(6, 5, 4, 3), (2, 1, 1, 8), (7, 3)]


def both(shape):
    """Our layer and Keras' with the same weights, none of them at its start."""
    found = []
    for kind in (normalisation.BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(momentum=0.9)
        layer.build(shape)
        layer.set_weights([np.linspace(0.5 + n, 2 + n, shape[-1], dtype=np.float32) for n in range(4)])
        found.append(layer)
    return found


def numbers(values):
    return [keras.ops.convert_to_numpy(value) for value in values]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_it_answers_and_follows_as_keras_does(shape, training):
    """Answers and moving statistics agree, in training and outside, for images and for vectors."""
    inputs = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    ours, theirs = both(shape)
    answers = numbers(layer(inputs, training=training) for layer in (ours, theirs))
    assert answers[0] == pytest.approx(answers[1], rel=1e-5, abs=1e-4)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine == pytest.approx(other, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_learns_as_keras_does(shape):
    """One training step from the same weights leaves the same weights."""
    generator = np.random.default_rng(2)
    inputs, targets = (generator.normal(1, 2, shape).astype(np.float32) for _ in range(2))
    left = []
    for layer in both(shape):
        model = keras.Sequential([keras.Input(shape[1:]), layer])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        model.train_on_batch(inputs, targets)
        left.append(layer.get_weights())
    for mine, other in zip(*left, strict=True):
        assert mine == pytest.approx(other, rel=1e-5, abs=1e-4)


def test_frozen_it_keeps_its_statistics():
    """A frozen layer uses the moving statistics even in training, as Keras' layer does."""
    ours, theirs = both(SHAPES[0])
    inputs = np.ones(SHAPES[0], np.float32)
    ours.trainable = theirs.trainable = False
    answers = numbers(layer(inputs, training=True) for layer in (ours, theirs))
    assert answers[0] == pytest.approx(answers[1], rel=1e-5, abs=1e-4)
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
