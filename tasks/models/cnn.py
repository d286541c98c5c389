"""The convolutional family: patches of the image, then three stages of convolutions with batch norm and shortcuts.

The first layer sees overlapping patches and halves the image, as the stem of a vision transformer does: convolutions on
the full image would take most of the time. The image is halved again between the stages, so that most weights work on
small images. The last stage is the cheapest, so its width meets the budget.
`build` is the interface of a family. `widths` and `parameters` are its arithmetic, public for their tests.
"""

from functools import partial
from typing import NamedTuple

import keras
from keras import layers

from tasks.learning.budget import Widths, solve
from tasks.learning.layers.initialisation import PartialIdentity, PatchWhitening
from tasks.learning.layers.normalisation import BatchNormalization
from tasks.learning.optimizers import HEAD
from tasks.settings.dataset import Shape
from tasks.settings.training import Tricks

BATCH_NORM = 4  # weights for each channel: scale, offset, moving mean, moving variance
PATCH, STRIDE = 4, 2  # pixels: the side of a patch, and the distance of two neighbours
DIRECTIONS = 24  # of a patch that whitening keeps, at most
KERNEL = 3  # the side of the stages' kernels
STEM, FIRST, SECOND = 0.5, 0.75, 1.0  # widths of a learned stem and of the stages, relative to the second stage


class Choices(NamedTuple):
    """One point of this family's search space, and the tricks that shape its networks."""

    depths: tuple[int, ...]
    growth: float
    pooling: str
    activation: str
    dropout: float
    tricks: Tricks


def choices(hp, tricks: Tricks) -> Choices:
    """Read the choices from a `keras_tuner.HyperParameters`, which thereby learns the space; the defaults do well."""
    depths = hp.Choice("depths", ["1-2-2", "1-2-3", "2-2-2"], default="1-2-3")  # convolutions of each stage
    return Choices(
        depths=tuple(map(int, depths.split("-"))),
        growth=hp.Choice("growth", [1.25, 1.5, 2.0], default=1.25),  # the last stage's width, relative to the second's
        pooling=hp.Choice("pooling", ["max", "average"], default="max"),
        activation=hp.Choice("activation", ["relu", "gelu", "silu"], default="relu"),
        dropout=hp.Float("dropout", 0.0, 0.2, step=0.05, default=0.05),  # before the head
        tricks=tricks,
    )


def build(hp, shape: Shape, classes: int, budget: int, tricks: Tricks) -> keras.Model:
    """A model from standardised images, float32 [n, h, w, c], to logits [n, classes], within 1 % of `budget`.

    Patches: Dosovitskiy et al., 2020, https://arxiv.org/abs/2010.11929. Shortcuts: He et al., 2015,
    https://arxiv.org/abs/1512.03385. The layer of `tricks.whitening` must still be adapted.

    Raises:
        BudgetError: no widths meet the budget.
    """
    chosen = choices(hp, tricks)
    *stem, first, second, third = widths(chosen, shape, classes, budget)
    images = keras.Input(shape)
    x = _learned_stem(images, stem[0], chosen) if stem else _whitened(images, chosen)
    for number, width in enumerate((first, second, third)):
        x = _stage(_pooled(x, chosen) if number else x, width, chosen.depths[number], chosen)
    x = layers.Dropout(chosen.dropout)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes, name=HEAD)(x), name="cnn")


def _whitened(images: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    patches = PatchWhitening(_filters(images.shape[-1]), PATCH, strides=STRIDE)(images)
    return layers.Activation(chosen.activation)(patches)


def _learned_stem(images: keras.KerasTensor, width: int, chosen: Choices) -> keras.KerasTensor:
    patches = layers.Conv2D(width, PATCH, strides=STRIDE, padding="same", use_bias=False)(images)
    return _activated(patches, chosen)


def _stage(x: keras.KerasTensor, width: int, depth: int, chosen: Choices) -> keras.KerasTensor:
    """A convolution to the stage's width, then further ones with shortcuts."""
    x = _activated(_convolved(x, width, chosen), chosen)
    for _ in range(depth - 1):
        x = layers.Add()([x, _activated(_convolved(x, width, chosen), chosen)])
    return x


def _convolved(x: keras.KerasTensor, width: int, chosen: Choices) -> keras.KerasTensor:
    start = PartialIdentity() if chosen.tricks.identity else "he_normal"
    return layers.Conv2D(width, KERNEL, padding="same", use_bias=False, kernel_initializer=start)(x)


def _pooled(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    pooling = layers.MaxPooling2D if chosen.pooling == "max" else layers.AveragePooling2D
    return pooling(2, padding="same")(x)


def _activated(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    return layers.Activation(chosen.activation)(BatchNormalization(momentum=0.9)(x))


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The channels of the stem, if it is learned, and of each stage."""
    stem = () if chosen.tricks.whitening else (STEM,)
    ratios = (*stem, FIRST, SECOND, SECOND * chosen.growth)
    return solve(partial(parameters, chosen, shape, classes), ratios, budget)


def parameters(chosen: Choices, shape: Shape, classes: int, channels: Widths) -> int:
    """The number of weights of the model with these channels, frozen ones included; it equals Keras' own count."""
    *stem, first, second, third = channels
    before = stem[0] if stem else _filters(shape[-1])
    total = PATCH**2 * shape[-1] * before + (BATCH_NORM * before if stem else 0)
    for width, depth in zip((first, second, third), chosen.depths, strict=True):
        total += KERNEL**2 * width * (before + (depth - 1) * width) + BATCH_NORM * width * depth
        before = width
    return total + (before + 1) * classes


def _filters(channels: int) -> int:
    """The number of filters: each direction of a patch and its negative, so that the activation loses no signal."""
    return 2 * min(PATCH**2 * channels, DIRECTIONS)
