"""The convolutional family: convolutions with batch norm and shortcuts, pooling between stages, global pooling.

The image is halved after each stage, and twice between the first and the second. So most weights work on small images,
and an epoch is cheap on CPUs for any choice. `Tricks.middle_stage` puts a late stage between these two halvings, which
costs twice the time.
`build` is the interface of a family. `widths` and `parameters` are its arithmetic, public for their tests.
"""

from functools import partial
from typing import NamedTuple

import keras
from keras import layers

from tasks.learning.budget import Widths, solve
from tasks.learning.initialisation import PartialIdentity, PatchWhitening
from tasks.learning.optimizers import HEAD
from tasks.settings.dataset import Shape
from tasks.settings.training import Tricks

BATCH_NORM = 4  # weights for each channel: scale, offset, moving mean, moving variance
KERNEL = 3  # the side of the kernels before the late stages
STEM, FIRST, SECOND = 0.25, 0.5, 1.0  # widths of a learned stem and of the stages, relative to the second stage


class Choices(NamedTuple):
    """One point of this family's search space, and the tricks that shape its networks."""

    residuals: int
    kernel: int
    growth: float
    early_pooling: bool
    pooling: str
    activation: str
    dropout: float
    tricks: Tricks


def choices(hp, tricks: Tricks) -> Choices:
    """Read the choices from a `keras_tuner.HyperParameters`, which thereby learns the space; the defaults do well."""
    return Choices(
        residuals=hp.Int("residuals", 0, 2, default=1),  # further convolutions of each late stage, with shortcuts
        kernel=hp.Choice("kernel", [3, 5], default=3),  # the side of the late stages' kernels
        growth=hp.Choice("growth", [1.5, 2.0], default=2.0),  # the last stage's width, relative to the one before
        early_pooling=hp.Boolean("early_pooling", default=False),  # before the first stage: cheaper by a third
        pooling=hp.Choice("pooling", ["max", "average"], default="max"),
        activation=hp.Choice("activation", ["relu", "gelu", "silu"], default="gelu"),
        dropout=hp.Float("dropout", 0.0, 0.2, step=0.05, default=0.05),  # before the head
        tricks=tricks,
    )


def build(hp, shape: Shape, classes: int, budget: int, tricks: Tricks) -> keras.Model:
    """A model from standardised images, float32 [n, h, w, c], to logits [n, classes], within 1 % of `budget`.

    Shortcuts: He et al., 2015, https://arxiv.org/abs/1512.03385. The layer of `tricks.whitening` must still be adapted.

    Raises:
        BudgetError: no widths meet the budget.
    """
    chosen = choices(hp, tricks)
    channels = widths(chosen, shape, classes, budget)
    *stem, first = channels[: _early(chosen)]
    *middle, second, third = channels[_early(chosen) :]
    images = keras.Input(shape)
    x = (
        _whitened(images, chosen)
        if tricks.whitening
        else _activated(_convolved(images, stem[0], KERNEL, chosen), chosen)
    )
    x = _activated(_halved(x, first, chosen), chosen)
    for width in middle:
        x = _stage(x, width, chosen)
    for width in (second, third):
        x = _stage(_pooled(x, chosen), width, chosen)
    x = layers.Dropout(chosen.dropout)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes, name=HEAD)(x), name="cnn")


def _whitened(images: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    channels = images.shape[-1]
    return layers.Activation(chosen.activation)(PatchWhitening(_filters(channels), _patch_side(channels))(images))


def _halved(x: keras.KerasTensor, width: int, chosen: Choices) -> keras.KerasTensor:
    """The first stage: its convolution, then the image halved, or the other way round, which is cheaper."""
    if chosen.early_pooling:
        return _convolved(_pooled(x, chosen), width, KERNEL, chosen)
    return _pooled(_convolved(x, width, KERNEL, chosen), chosen)


def _stage(x: keras.KerasTensor, width: int, chosen: Choices) -> keras.KerasTensor:
    """A late stage: a convolution to its width, then further ones with shortcuts."""
    x = _activated(_convolved(x, width, chosen.kernel, chosen), chosen)
    for _ in range(chosen.residuals):
        x = layers.Add()([x, _activated(_convolved(x, width, chosen.kernel, chosen), chosen)])
    return x


def _convolved(x: keras.KerasTensor, width: int, kernel: int, chosen: Choices) -> keras.KerasTensor:
    start = PartialIdentity() if chosen.tricks.identity else "he_normal"
    return layers.Conv2D(width, kernel, padding="same", use_bias=False, kernel_initializer=start)(x)


def _pooled(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    pooling = layers.MaxPooling2D if chosen.pooling == "max" else layers.AveragePooling2D
    return pooling(2, padding="same")(x)


def _activated(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    return layers.Activation(chosen.activation)(layers.BatchNormalization(momentum=0.9)(x))


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The channels of the stem, if it is learned, and of each stage."""
    stem = () if chosen.tricks.whitening else (STEM,)
    middle = (SECOND,) if chosen.tricks.middle_stage else ()
    ratios = (*stem, FIRST, *middle, SECOND, SECOND * chosen.growth)
    return solve(partial(parameters, chosen, shape, classes), ratios, budget)


def parameters(chosen: Choices, shape: Shape, classes: int, channels: Widths) -> int:
    """The number of weights of the model with these channels, frozen ones included; it equals Keras' own count."""
    total, before = 0, shape[-1]
    if chosen.tricks.whitening:
        side = _patch_side(before)
        total, before = side**2 * before * _filters(before), _filters(before)
    for width in channels[: _early(chosen)]:
        total += KERNEL**2 * before * width + BATCH_NORM * width
        before = width
    for width in channels[_early(chosen) :]:
        convolutions = chosen.kernel**2 * width * (before + chosen.residuals * width)
        total += convolutions + BATCH_NORM * width * (1 + chosen.residuals)
        before = width
    return total + (before + 1) * classes


def _early(chosen: Choices) -> int:
    """The number of widths before the late stages: the first stage's, and that of a learned stem."""
    return 1 if chosen.tricks.whitening else 2


def _patch_side(channels: int) -> int:
    """The side of a patch in pixels. Grey images need a larger one, to have as many directions as a stage can use."""
    return 3 if channels == 1 else 2


def _filters(channels: int) -> int:
    """The number of filters: each direction of a patch and its negative, so that the activation loses no signal."""
    return 2 * _patch_side(channels) ** 2 * channels
