"""The dense family: fully connected layers, batch normalisation, dropout; no convolution, no weight sharing.

`build` is what a family offers. `widths` and `parameters` are the arithmetic behind it, public for their tests.
"""

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import keras
from keras import layers

from tasks.budget import Widths, solve

Shape = tuple[int, int, int]
BATCH_NORM = 4  # weights a unit: scale, offset, moving mean, moving variance


class Choices(NamedTuple):
    """One point of this family's search space."""

    depth: int
    taper: float
    pool: int
    activation: str
    dropout: float


def choices(hp) -> Choices:
    """Read the choices from a `keras_tuner.HyperParameters`, which learns the space by it; defaults do well."""
    return Choices(
        depth=hp.Int("depth", 2, 4, default=3),
        taper=hp.Choice("taper", [0.5, 0.7, 1.0], default=0.7),  # each layer's width by the one before
        pool=hp.Choice("pool", [1, 2], default=2),  # pixels that are averaged, each way; has no weights
        activation=hp.Choice("activation", ["relu", "gelu", "silu"], default="gelu"),
        dropout=hp.Float("dropout", 0.0, 0.2, step=0.05, default=0.05),
    )


def build(hp, shape: Shape, classes: int, budget: int) -> keras.Model:
    """A model from standardised images, float32 [n, h, w, c], to logits [n, classes], within 1 % of `budget`.

    Batch normalisation after every dense layer: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167.

    Raises:
        ValueError: no widths meet the budget.
    """
    chosen = choices(hp)
    images = keras.Input(shape)
    x = layers.Flatten()(_pooled(images, chosen))
    for width in widths(chosen, shape, classes, budget):
        x = layers.Dense(width, use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation(chosen.activation)(x)
        x = layers.Dropout(chosen.dropout)(x)
    return keras.Model(images, layers.Dense(classes)(x), name="ann")


def _pooled(images: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    return layers.AveragePooling2D(chosen.pool, padding="same")(images) if chosen.pool > 1 else images


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The width of each hidden layer."""
    ratios = [chosen.taper**layer for layer in range(chosen.depth)]
    return solve(partial(parameters, chosen, shape, classes), ratios, budget)


def parameters(chosen: Choices, shape: Shape, classes: int, hidden: Widths) -> int:
    """How many weights the model with these hidden widths carries; equal to Keras' own count."""
    height, width, channels = shape
    inputs = -(-height // chosen.pool) * -(-width // chosen.pool) * channels
    dense = sum(before * after for before, after in pairwise((inputs, *hidden, classes)))
    return dense + BATCH_NORM * sum(hidden) + classes
