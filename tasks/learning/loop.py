"""Training, the same for every family: in-memory arrays, one fixed schedule, the weights of the last epoch.

`fit` trains a network that it builds itself, so that the seed comes before the first weight. All random numbers come
from the seed. A training that was killed goes on from its last checkpoint, and takes the same steps as an undisturbed
one.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.learning.augmentation import augment, erased, mirrors, mixed
from tasks.learning.network import adapt
from tasks.learning.optimizers import optimizer, optimizer_from
from tasks.learning.pace import Pace, Pulse
from tasks.learning.snapshot import restore, snapshot
from tasks.runs.stage import Checkpoints
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training

Report = Callable[[str], None]
Arrays = tuple[np.ndarray, np.ndarray]
VALIDATION_BATCH = 1024
PULSE_SECONDS = 5.0  # between two lines from within an epoch


class Recipe(NamedTuple):
    """How to train: the settings that all models share, and this one's hyper-parameters and seed.

    Of the hyper-parameters only the optimizer's are read here; those that are not given take their defaults.
    `until` is the epoch to stop after, short of the schedule's end, with a checkpoint to go on from.
    """

    training: Training
    augmentation: Augmentation
    hyperparameters: Mapping[str, bool | int | float | str]
    seed: int
    until: int | None = None


class Fit(NamedTuple):
    """A trained model, what every epoch reached, and where the time went.

    `history` has an entry an epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.
    `setup_seconds` is building and compiling, the first step included, whose time is the compiler's; a training that
    was resumed has had several. Of a killed attempt, what came after its last checkpoint is in no number.
    `checkpoint_seconds` are those of this attempt alone.
    """

    model: keras.Model
    history: list[dict[str, float]]
    train_seconds: float
    setup_seconds: float
    validation_seconds: float
    checkpoint_seconds: float = 0.0


class DivergenceError(ArithmeticError):
    """The loss is no longer a number."""


def fit(
    build: Callable[[], keras.Model],
    train: Arrays,
    validation: Arrays,
    recipe: Recipe,
    report: Report,
    checkpoints: Checkpoints | None = None,
) -> Fit:
    """Train what `build` builds, from where the last checkpoint was taken, if there is one.

    Args:
        train, validation: images, uint8 [n, h, w, c], and labels, uint8 [n].
        report: gets a line an epoch, and within a long one a line every PULSE_SECONDS.
        checkpoints: of this very training; without them nothing is kept.

    Raises:
        DivergenceError: the loss is not finite.
    """
    start = time.perf_counter()
    _seed(recipe)
    epochs = recipe.training.epochs
    session = _Session(build(), train, validation, recipe, Pulse(report, PULSE_SECONDS))
    state = checkpoints.latest() if checkpoints else None
    if state is not None:
        report(f"goes on after epoch {session.restore(state)}/{epochs}")
    pace = Pace()
    session.setup_seconds += time.perf_counter() - start
    for epoch in range(session.epochs + 1, (recipe.until or epochs) + 1):
        line = session.epoch(epoch)
        report(f"epoch {epoch}/{epochs}, val_accuracy {line['val_accuracy']:.3f}")
        if checkpoints and (epoch == recipe.until or pace.allows()):
            with pace:
                checkpoints.save(epoch, session.state())
    return session.result()._replace(checkpoint_seconds=pace.spent)


def _seed(recipe: Recipe) -> None:
    """Seed Python, NumPy and the backend; on request, keep TensorFlow to operations that are reproducible.

    Other backends take this setting from their launcher (JAX: XLA_FLAGS=--xla_gpu_deterministic_ops=true).
    """
    keras.utils.set_random_seed(recipe.seed)
    if recipe.training.deterministic:
        os.environ["TF_DETERMINISTIC_OPS"] = "1"


def compile_for(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Compile `model` for a training of `steps` in all."""
    chosen, tricks = optimizer_from(recipe.hyperparameters), recipe.training.tricks
    model.compile(
        optimizer(tricks.optimizer, chosen.learning_rate, chosen.weight_decay, tricks.averaging, steps),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=chosen.label_smoothing),
        metrics=["accuracy"],
        jit_compile=keras.config.backend() == "jax",  # XLA makes these models slower on CPUs; JAX has nothing else
    )


def _wanted(recipe: Recipe) -> Augmentation:
    """What the dataset allows, as far as the training settings agree."""
    if not recipe.training.augment:
        return Augmentation()
    limit = min(recipe.augmentation.shift, recipe.training.shift_limit)
    return recipe.augmentation.model_copy(update={"shift": limit})


class _Session:
    """One training in progress: its arrays, its compiled model, its history and its clocks."""

    def __init__(self, model: keras.Model, train: Arrays, validation: Arrays, recipe: Recipe, pulse: Pulse):
        classes = model.output_shape[-1]
        self._model = model
        self._images, self._targets = train[0], keras.utils.to_categorical(train[1], classes)
        self._validation = validation[0], keras.utils.to_categorical(validation[1], classes)
        self._augmentation = _wanted(recipe)
        self._rng = np.random.default_rng(recipe.seed)
        # Whole batches only: a small last batch would upset batch normalisation. What is left out changes every epoch.
        self._batch = min(recipe.training.batch_size, len(self._images))
        self._steps = len(self._images) // self._batch
        self._history: list[dict[str, float]] = []
        self._is_compiled = False
        self.setup_seconds = self._validation_seconds = 0.0
        self._recipe, self._pulse = recipe, pulse
        adapt(model, self._images)
        compile_for(model, recipe, steps=recipe.training.epochs * self._steps)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch, validate, and note both."""
        learning_rate = float(keras.ops.convert_to_numpy(self._model.optimizer.learning_rate))
        trained, seconds = self._trained(epoch)
        if epoch == self._recipe.training.epochs and self._recipe.training.tricks.averaging:
            self._average()
        validated = self._validated()
        line = {
            "epoch": epoch,
            "loss": trained["loss"],
            "accuracy": trained["accuracy"],
            "val_loss": validated["loss"],
            "val_accuracy": validated["accuracy"],
            "learning_rate": learning_rate,
            "seconds": seconds,
        }
        if not (math.isfinite(line["loss"]) and math.isfinite(line["val_loss"])):
            raise DivergenceError(
                f"epoch {epoch}: expected a finite loss, received {line['loss']}; try a lower learning rate"
            )
        self._history.append(line)
        return line

    def _trained(self, epoch: int) -> tuple[dict[str, float], float]:
        """Mean loss and accuracy over one epoch's batches, and its seconds; the very first step counts as set-up.

        What the pulse takes is no training.

        On one CPU thread, a loop over `train_on_batch` is up to a half faster than `Model.fit` and its input pipeline.
        """
        start, said = time.perf_counter(), self._pulse.spent
        images = self._augmented(epoch)
        order = self._rng.permutation(len(images))[: self._steps * self._batch]
        logs, compiling = [], 0.0
        for rows in np.split(order, self._steps):
            begin = time.perf_counter()
            logs.append(self._model.train_on_batch(*self._mixed(images[rows], self._targets[rows]), return_dict=True))
            if not self._is_compiled:
                self._is_compiled, compiling = True, time.perf_counter() - begin
            self._pulse.beat(f"{epoch}/{self._recipe.training.epochs}", len(logs) / self._steps, logs[-1]["loss"])
        means = {name: float(np.mean([log[name] for log in logs])) for name in ("loss", "accuracy")}
        self.setup_seconds += compiling
        return means, time.perf_counter() - start - compiling - (self._pulse.spent - said)

    def _average(self) -> None:
        """Put the weights' moving average in their place.

        As a copy: under JAX weight and average would be one array, which `evaluate` gives to the device to overwrite.
        """
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        self._model.set_weights(self._model.get_weights())

    def _augmented(self, epoch: int) -> np.ndarray:
        """The epoch's images."""
        tricks = self._recipe.training.tricks
        mirrored = mirrors(len(self._images), epoch, self._recipe.seed, tricks.alternating_flip)
        images = augment(self._images, self._augmentation, mirrored, self._rng)
        return erased(images, tricks.erasing, self._rng) if tricks.erasing else images

    def _mixed(self, images: np.ndarray, targets: np.ndarray) -> Arrays:
        """The batch as it is, or mixed with itself."""
        strength = self._recipe.training.tricks.mixup
        return mixed(images, targets, self._rng.beta(strength, strength)) if strength else (images, targets)

    def _validated(self) -> dict[str, float]:
        start = time.perf_counter()
        logs = self._model.evaluate(*self._validation, batch_size=VALIDATION_BATCH, verbose=0, return_dict=True)
        self._validation_seconds += time.perf_counter() - start
        return {name: float(value) for name, value in logs.items()}

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self._history)

    def state(self) -> bytes:
        """All that the next epochs depend on, and what the last ones left."""
        facts = {
            "history": self._history,
            "generator": self._rng.bit_generator.state,
            "setup_seconds": self.setup_seconds,
            "validation_seconds": self._validation_seconds,
        }
        return snapshot(self._model, facts)

    def restore(self, state: bytes) -> int:
        """Go on from `state`; how many epochs are done. This process has yet to compile, whatever others did."""
        facts: dict[str, Any] = restore(self._model, state)
        self._history = facts["history"]
        self._rng.bit_generator.state = facts["generator"]
        self.setup_seconds += facts["setup_seconds"]
        self._validation_seconds = facts["validation_seconds"]
        return self.epochs

    def result(self) -> Fit:
        """The trained model with its history and its clocks."""
        return Fit(
            self._model,
            self._history,
            train_seconds=sum(line["seconds"] for line in self._history),
            setup_seconds=self.setup_seconds,
            validation_seconds=self._validation_seconds,
        )
