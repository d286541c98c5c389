"""The optimizers of every family, Muon for kernels or AdamW for all weights, and the space that all families search."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import keras_tuner
from keras import ops

HEAD = "head"  # the name of every family's last layer
ITERATIONS = 3  # of Newton and Schulz a step of Muon; two more cost a third of an ANN's step, and bring nothing
WARM_UP = 0.2  # the share of all steps in which the learning rate rises


class Optimizer(NamedTuple):
    """One point of the optimizer space."""

    learning_rate: float
    weight_decay: float
    label_smoothing: float


def optimizer_space(hp: keras_tuner.HyperParameters) -> Optimizer:
    """Read the optimizer's choices from `hp`, which thereby learns the space. It is the same for every family."""
    return Optimizer(
        learning_rate=hp.Float("learning_rate", 3e-3, 3e-2, sampling="log", default=1e-2),
        weight_decay=hp.Float("weight_decay", 1e-2, 2e-1, sampling="log", default=7e-2),
        label_smoothing=hp.Choice("label_smoothing", [0.0, 0.05, 0.1], default=0.05),
    )


def optimizer_from(hyperparameters: Mapping[str, bool | int | float | str]) -> Optimizer:
    """The optimizer's choices among `hyperparameters`."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(hyperparameters)
    return optimizer_space(hp)


class Muon(keras.optimizers.Muon):
    """Muon for every kernel except the head's, AdamW for all other weights.

    Keras' own Muon orthogonalises matrices only. Here a convolution's kernel [h, w, in, out] is the matrix
    [h·w·in, out]. Muon: Jordan et al., https://kellerjordan.github.io/posts/muon/. The scale of its steps lets it use
    AdamW's learning rates: Liu et al., https://arxiv.org/abs/2502.16982.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) not in (2, 4) or f"{HEAD}/" in variable.path

    def _muon_update_step(self, gradient: Any, variable: keras.Variable, lr: Any, m: keras.Variable) -> None:
        self.assign_add(m, gradient + (self.momentum - 1) * m)
        matrix = ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def cycle(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """One cycle over `steps`: the learning rate rises linearly to `peak`, then falls to zero along a cosine.

    The cycle: Smith, https://arxiv.org/abs/1708.07120. The cosine: Loshchilov and Hutter,
    https://arxiv.org/abs/1608.03983.
    """
    rise = math.ceil(WARM_UP * steps)
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - rise), warmup_target=peak, warmup_steps=rise)


def optimizer(name: str, peak: float, weight_decay: float, averaging: float, steps: int) -> keras.Optimizer:
    """The optimizer called `name`, "muon" or "adamw" (https://arxiv.org/abs/1711.05101), for a training of `steps`.

    Args:
        averaging: the decay of an exponential moving average of the weights, or 0 for none.
            `finalize_variable_values` replaces the weights by their average.
    """
    average = {"use_ema": True, "ema_momentum": averaging} if averaging else {}
    schedule = cycle(peak, steps)
    if name == "muon":
        return Muon(schedule, weight_decay=weight_decay, adam_weight_decay=weight_decay, ns_steps=ITERATIONS, **average)
    return keras.optimizers.AdamW(schedule, weight_decay=weight_decay, **average)
