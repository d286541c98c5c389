"""The convolutional family: convolutions with batch norm and shortcuts, pooling between stages, global pooling.

The image is halved after each stage, and most weights stand where it is small: an epoch is cheap on CPUs at any choice.
`build` is what a family offers. `widths` and `parameters` are the arithmetic behind it, public for their tests.
"""

from functools import partial
from typing import NamedTuple

import keras
from keras import layers

from tasks.budget import Widths, solve

Shape = tuple[int, int, int]
BATCH_NORM = 4  # weights a channel: scale, offset, moving mean, moving variance
STEM_KERNEL = 3
STEM, FIRST, SECOND = 0.25, 0.5, 1.0  # widths of stem and stages, by the second stage's


class Choices(NamedTuple):
    """One point of this family's search space."""

    residuals: int
    kernel: int
    growth: float
    pooling: str
    activation: str
    dropout: float


def choices(hp) -> Choices:
    """Read the choices from a `keras_tuner.HyperParameters`, which learns the space by it; defaults do well."""
    return Choices(
        residuals=hp.Int("residuals", 0, 2, default=1),  # more convolutions in each late stage, with a shortcut
        kernel=hp.Choice("kernel", [3, 5], default=3),  # of the late stages
        growth=hp.Choice("growth", [1.5, 2.0], default=2.0),  # the last stage's width by that of the one before
        pooling=hp.Choice("pooling", ["max", "average"], default="max"),
        activation=hp.Choice("activation", ["relu", "gelu", "silu"], default="relu"),
        dropout=hp.Float("dropout", 0.0, 0.2, step=0.05, default=0.05),  # before the head
    )


def build(hp, shape: Shape, classes: int, budget: int) -> keras.Model:
    """A model from standardised images, float32 [n, h, w, c], to logits [n, classes], within 1 % of `budget`.

    Shortcuts: He et al., 2015, https://arxiv.org/abs/1512.03385.

    Raises:
        ValueError: no widths meet the budget.
    """
    chosen = choices(hp)
    stem, first, *late = widths(chosen, shape, classes, budget)
    images = keras.Input(shape)
    x = _activated(_pooled(_convolved(images, stem, STEM_KERNEL), chosen), chosen)  # pooled first: it is the largest
    x = _activated(_convolved(x, first, STEM_KERNEL), chosen)
    for width in late:
        x = _activated(_convolved(_pooled(x, chosen), width, chosen.kernel), chosen)
        for _ in range(chosen.residuals):
            x = layers.Add()([x, _activated(_convolved(x, width, chosen.kernel), chosen)])
    x = layers.Dropout(chosen.dropout)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes)(x), name="cnn")


def _convolved(x: keras.KerasTensor, width: int, kernel: int) -> keras.KerasTensor:
    return layers.Conv2D(width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal")(x)


def _pooled(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    pooling = layers.MaxPooling2D if chosen.pooling == "max" else layers.AveragePooling2D
    return pooling(2, padding="same")(x)


def _activated(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    return layers.Activation(chosen.activation)(layers.BatchNormalization(momentum=0.9)(x))


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The channels of the stem and of each stage."""
    ratios = (STEM, FIRST, SECOND, SECOND * chosen.growth)
    return solve(partial(parameters, chosen, shape, classes), ratios, budget)


def parameters(chosen: Choices, shape: Shape, classes: int, channels: Widths) -> int:
    """How many weights the model with these channels carries; equal to Keras' own count."""
    stem, first, *late = channels
    total = STEM_KERNEL**2 * stem * (shape[-1] + first) + BATCH_NORM * (stem + first)
    before = first
    for width in late:
        convolutions = chosen.kernel**2 * width * (before + chosen.residuals * width)
        total += convolutions + BATCH_NORM * width * (1 + chosen.residuals)
        before = width
    return total + (before + 1) * classes
