"""The dense family: fully connected layers, batch normalisation, dropout; no convolution, no weight sharing.

The first layer reads the whole image. Blocks of one width follow, with shortcuts. The first layer may be narrower and
linear: such a bottleneck saves parameters for wider blocks (Lin et al., https://arxiv.org/abs/1511.02580).
`build` is the interface of a family. `widths` and `parameters` are its arithmetic, public for their tests.
"""

from functools import partial
from typing import NamedTuple

import keras
from keras import layers

from tasks.learning.budget import Widths, solve
from tasks.learning.layers.initialisation import PartialIdentity, PrincipalDense
from tasks.learning.layers.normalisation import BatchNormalization
from tasks.learning.optimizers import HEAD
from tasks.settings.dataset import Shape
from tasks.settings.training import Tricks

BATCH_NORM = 4  # weights for each unit: scale, offset, moving mean, moving variance


class Choices(NamedTuple):
    """One point of this family's search space, and the tricks that shape its networks."""

    blocks: int
    intake: float
    is_bottleneck: bool
    pool: int
    activation: str
    dropout: float
    tricks: Tricks


def choices(hp, tricks: Tricks) -> Choices:
    """Read the choices from a `keras_tuner.HyperParameters`, which thereby learns the space; the defaults do well."""
    return Choices(
        blocks=hp.Int("blocks", 1, 4, default=1),
        intake=hp.Choice("intake", [0.5, 0.75, 1.0], default=1.0),  # the first layer's width, relative to the blocks'
        is_bottleneck=hp.Boolean("bottleneck", default=False),  # the first layer is linear
        pool=hp.Choice("pool", [1, 2], default=2),  # squares of this side, in pixels, are averaged
        activation=hp.Choice("activation", ["relu", "gelu", "silu"], default="gelu"),
        dropout=hp.Float("dropout", 0.0, 0.2, step=0.05, default=0.0),
        tricks=tricks,
    )


def build(hp, shape: Shape, classes: int, budget: int, tricks: Tricks) -> keras.Model:
    """A model from standardised images, float32 [n, h, w, c], to logits [n, classes], within 1 % of `budget`.

    Batch normalisation after every dense layer: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167.
    The layer of `tricks.whitening` must still be adapted.

    Raises:
        BudgetError: no widths meet the budget.
    """
    chosen = choices(hp, tricks)
    intake, width = widths(chosen, shape, classes, budget)
    images = keras.Input(shape)
    x = layers.Flatten()(_pooled(images, chosen))
    x = PrincipalDense(intake)(x) if tricks.whitening else _dense(x, intake, "he_normal")
    x = BatchNormalization(momentum=0.9)(x) if chosen.is_bottleneck else _activated(x, chosen)
    x = _block(x, width, chosen)
    for _ in range(chosen.blocks - 1):
        x = layers.Add()([x, _block(x, width, chosen)])
    return keras.Model(images, layers.Dense(classes, name=HEAD)(x), name="ann")


def _pooled(images: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    return layers.AveragePooling2D(chosen.pool, padding="same")(images) if chosen.pool > 1 else images


def _block(x: keras.KerasTensor, width: int, chosen: Choices) -> keras.KerasTensor:
    return _activated(_dense(x, width, PartialIdentity() if chosen.tricks.identity else "he_normal"), chosen)


def _dense(x: keras.KerasTensor, width: int, start: str | keras.Initializer) -> keras.KerasTensor:
    return layers.Dense(width, use_bias=False, kernel_initializer=start)(x)


def _activated(x: keras.KerasTensor, chosen: Choices) -> keras.KerasTensor:
    x = layers.Activation(chosen.activation)(BatchNormalization(momentum=0.9)(x))
    return layers.Dropout(chosen.dropout)(x)


def widths(chosen: Choices, shape: Shape, classes: int, budget: int) -> Widths:
    """The width of the first layer, and the width of every block."""
    return solve(partial(parameters, chosen, shape, classes), (chosen.intake, 1.0), budget)


def parameters(chosen: Choices, shape: Shape, classes: int, hidden: Widths) -> int:
    """The number of weights of the model with these hidden widths; it equals Keras' own count."""
    height, width, channels = shape
    inputs = -(-height // chosen.pool) * -(-width // chosen.pool) * channels
    intake, block = hidden
    kernels = inputs * intake + intake * block + (chosen.blocks - 1) * block**2 + block * classes
    return kernels + BATCH_NORM * (intake + chosen.blocks * block) + classes
