"""Training, the same for every family: one fixed schedule, the weights of the last epoch.

`fit` trains a network that it builds itself, so that the seed comes before the first weight. All random numbers come
from the seed. A training that was killed goes on from its last checkpoint, and takes the same steps as an undisturbed
one. How the steps of an epoch are taken is the part of `tasks.learning.loops`: one by one, or all in one call.
"""

import importlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.learning.loops.pace import Pace, Pulse
from tasks.learning.loops.plan import Chance
from tasks.learning.loops.rhythm import rhythm
from tasks.learning.loops.snapshot import restore, snapshot
from tasks.learning.loops.steps import Arrays, Logs, Steps
from tasks.learning.loops.watch import Watch
from tasks.learning.network import adapt
from tasks.learning.optimizers import optimizer, optimizer_from
from tasks.runs.meter import Taken, peak_memory
from tasks.runs.stage import Checkpoints
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training

Report = Callable[[str], None]
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
    `checkpoint_seconds` are those of this attempt alone. `cpu_seconds` and `energy_joules` are of what `train_seconds`
    are, `energy_joules` None where no counter can be read (`tasks.runs.meter`). `peak_memory_bytes` is of the whole
    process, whatever made it the greatest.
    """

    model: keras.Model
    history: list[dict[str, float]]
    train_seconds: float
    setup_seconds: float
    validation_seconds: float
    checkpoint_seconds: float = 0.0
    cpu_seconds: float = 0.0
    energy_joules: float | None = None
    peak_memory_bytes: int = 0


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
        train, validation: images, uint8 [n, h, w, c], which may be larger than the memory, and labels, [n].
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
        _make_reproducible()


def _make_reproducible() -> None:
    """Keep TensorFlow to operations that are reproducible.

    It is imported by its name: the backend is in the key of a stage, and TensorFlow is not in those of other backends.
    """
    if keras.config.backend() == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()


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


def _chance(train: Arrays, recipe: Recipe) -> Chance:
    """What the random part of every epoch depends on."""
    images = train[0]
    height, width = images[:1].shape[1:3]
    shown = rhythm(len(images), recipe.training)
    return Chance(len(images), height, width, shown, _wanted(recipe), recipe.training.tricks, recipe.seed)


def _loop(recipe: Recipe) -> Any:
    """The class of the loop that the training settings ask for."""
    if recipe.training.loop == "steps":
        return Steps
    from tasks.learning.loops.epochs import Epochs  # it needs JAX, which not every environment has

    return Epochs


def prepared(model: keras.Model, train: Arrays, validation: Arrays, recipe: Recipe) -> tuple[Any, Chance]:
    """Adapt and compile `model`: the loop that will train it, `Steps` or `Epochs`, and what it makes its plans of."""
    chance = _chance(train, recipe)
    adapt(model, train[0])
    compile_for(model, recipe, steps=recipe.training.epochs * chance.rhythm.steps)
    labelled = [(images, np.asarray(labels)) for images, labels in (train, validation)]
    return _loop(recipe)(model, *labelled, chance), chance


class _Session:
    """One training in progress: its compiled model, the loop that trains it, its history and its clocks."""

    def __init__(self, model: keras.Model, train: Arrays, validation: Arrays, recipe: Recipe, pulse: Pulse):
        self._model, self._recipe = model, recipe
        self._history: list[dict[str, float]] = []
        self.setup_seconds = self._validation_seconds = 0.0
        self._watch, self._taken, self._earlier_peak = Watch(pulse), Taken(), 0
        self._loop, self._chance = prepared(model, train, validation, recipe)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch, validate, and note both."""
        learning_rate = float(keras.ops.convert_to_numpy(self._model.optimizer.learning_rate))
        with self._watch.epoch(f"{epoch}/{self._recipe.training.epochs}"):
            trained = self._loop.train(self._chance.plan(epoch), self._watch)
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
            "seconds": self._watch.taken.seconds,
        }
        if not (math.isfinite(line["loss"]) and math.isfinite(line["val_loss"])):
            raise DivergenceError(
                f"epoch {epoch}: expected a finite loss, received {line['loss']}; try a lower learning rate"
            )
        self._history.append(line)
        self._taken = self._taken.plus(self._watch.taken)
        return line

    def _average(self) -> None:
        """Put the weights' moving average in their place.

        As a copy: under JAX weight and average would be one array, which `evaluate` gives to the device to overwrite.
        """
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        self._model.set_weights(self._model.get_weights())

    def _validated(self) -> Logs:
        """Mean loss and accuracy over the validation part."""
        start = time.perf_counter()
        logs = self._loop.validate()
        self._validation_seconds += time.perf_counter() - start
        return logs

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self._history)

    def state(self) -> bytes:
        """All that the next epochs depend on, and what the last ones left."""
        facts = {
            "history": self._history,
            "setup_seconds": self._setup_seconds,
            "validation_seconds": self._validation_seconds,
            "taken": self._taken,
            "peak_memory": self._peak,
        }
        return snapshot(self._model, facts)

    def restore(self, state: bytes) -> int:
        """Go on from `state`; how many epochs are done. This process has yet to compile, whatever others did."""
        facts: dict[str, Any] = restore(self._model, state)
        self._history = facts["history"]
        self.setup_seconds += facts["setup_seconds"]
        self._validation_seconds = facts["validation_seconds"]
        self._taken, self._earlier_peak = Taken(*facts["taken"]), facts["peak_memory"]
        return self.epochs

    @property
    def _setup_seconds(self) -> float:
        return self.setup_seconds + self._watch.setup.seconds

    @property
    def _peak(self) -> int:
        """The most memory of this process, and of those that the training goes on from."""
        return max(peak_memory(), self._earlier_peak)

    def result(self) -> Fit:
        """The trained model with its history and its clocks."""
        return Fit(
            self._model,
            self._history,
            train_seconds=sum(line["seconds"] for line in self._history),
            cpu_seconds=self._taken.cpu_seconds,
            energy_joules=self._taken.joules,
            peak_memory_bytes=self._peak,
            setup_seconds=self._setup_seconds,
            validation_seconds=self._validation_seconds,
        )
