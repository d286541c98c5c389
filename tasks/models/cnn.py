"""The convolutional family: a strided stem, two stages of pooling and convolution, batch norm, global pooling.

Most weights stand where the image is small, so that an epoch stays cheap on CPUs at any choice.
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
        residuals=hp.Int("residuals", 0, 2, default=1),  # further convolutions a stage, each with a shortcut
        kernel=hp.Choice("kernel", [3, 5], default=3),
        growth=hp.Choice("growth", [1.5, 2.0], default=2.0),  # the second stage's width by the first's
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
    stem, *stages = widths(chosen, shape, classes, budget)
    images = keras.Input(shape)
    x = _convolution(images, stem, STEM_KERNEL, chosen.activation, strides=2)
    pooling = layers.MaxPooling2D if chosen.pooling == "max" else layers.AveragePooling2D
    for width in stages:
        x = _convolution(pooling(2, padding="same")(x), width, chosen.kernel, chosen.activation)
        for _ in range(chosen.residuals):
            x = layers.Add()([x, _convolution(x, width, chosen.kernel, chosen.activation)])
    x = layers.Dropout(chosen.dropout)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes)(x), name="cnn")


def _convolution(x: keras.KerasTensor, width: int, kernel: int, activation: str, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(x))


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The channels of the stem and of each stage."""
    return solve(partial(parameters, chosen, shape, classes), (0.5, 1.0, chosen.growth), budget)


def parameters(chosen: Choices, shape: Shape, classes: int, channels: Widths) -> int:
    """How many weights the model with these channels carries; equal to Keras' own count."""
    stem, *stages = channels
    total = STEM_KERNEL**2 * shape[-1] * stem
    before = stem
    for width in stages:
        total += chosen.kernel**2 * width * (before + chosen.residuals * width)
        total += BATCH_NORM * width * chosen.residuals
        before = width
    return total + BATCH_NORM * sum(channels) + (before + 1) * classes
