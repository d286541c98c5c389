"""Training, the same for every family: images read piece by piece, one fixed schedule, the weights of the last epoch.

`fit` trains a network that it builds itself, so that the seed comes before the first weight. All random numbers come
from the seed. A training that was killed goes on from its last checkpoint, and takes the same steps as an undisturbed
one.
"""

import importlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.learning.augmentation import augment, erased, mirrors, mixed
from tasks.learning.mapped import Images, pieces, row_bytes
from tasks.learning.network import adapt
from tasks.learning.optimizers import optimizer, optimizer_from
from tasks.learning.pace import Pace, Pulse
from tasks.learning.rhythm import rhythm
from tasks.learning.snapshot import restore, snapshot
from tasks.runs.meter import Meter, Taken, peak_memory
from tasks.runs.stage import Checkpoints
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training

Report = Callable[[str], None]
Arrays = tuple[Images, np.ndarray]
FLOAT = 4  # bytes
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


class _Session:
    """One training in progress: its arrays, its compiled model, its history and its clocks."""

    def __init__(self, model: keras.Model, train: Arrays, validation: Arrays, recipe: Recipe, pulse: Pulse):
        self._model, self._classes = model, model.output_shape[-1]
        self._images, self._labels = train[0], np.asarray(train[1])
        self._validation = validation[0], np.asarray(validation[1])
        self._augmentation = _wanted(recipe)
        self._rng = np.random.default_rng(recipe.seed)
        self._plan = rhythm(len(self._images), recipe.training)
        self._history: list[dict[str, float]] = []
        self._is_compiled = False
        self.setup_seconds = self._validation_seconds = 0.0
        self._meter, self._taken, self._earlier_peak = Meter(), Taken(), 0
        self._recipe, self._pulse = recipe, pulse
        adapt(model, self._images)
        compile_for(model, recipe, steps=recipe.training.epochs * self._plan.steps)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch, validate, and note both."""
        learning_rate = float(keras.ops.convert_to_numpy(self._model.optimizer.learning_rate))
        trained, taken = self._trained(epoch)
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
            "seconds": taken.seconds,
        }
        if not (math.isfinite(line["loss"]) and math.isfinite(line["val_loss"])):
            raise DivergenceError(
                f"epoch {epoch}: expected a finite loss, received {line['loss']}; try a lower learning rate"
            )
        self._history.append(line)
        self._taken = self._taken.plus(taken)
        return line

    def _trained(self, epoch: int) -> tuple[dict[str, float], Taken]:
        """Mean loss and accuracy over one epoch's batches, and what it took; the very first step counts as set-up.

        What the pulse takes of the time is no training.

        On one CPU thread, a loop over `train_on_batch` is up to a half faster than `Model.fit` and its input pipeline.
        """
        start, said = self._meter.read(), self._pulse.spent
        logs, compiling = [], Taken()
        for images, targets in self._batches(epoch):
            begin = None if self._is_compiled else self._meter.read()
            logs.append(self._model.train_on_batch(*self._mixed(images, targets), return_dict=True))
            if begin is not None:
                self._is_compiled, compiling = True, self._meter.since(begin)
            self._meter.keep_up()
            self._pulse.beat(f"{epoch}/{self._recipe.training.epochs}", len(logs) / self._plan.steps, logs[-1]["loss"])
        means = {name: float(np.mean([log[name] for log in logs])) for name in ("loss", "accuracy")}
        self.setup_seconds += compiling.seconds
        return means, self._meter.since(start).minus(compiling).minus(Taken(self._pulse.spent - said))

    def _average(self) -> None:
        """Put the weights' moving average in their place.

        As a copy: under JAX weight and average would be one array, which `evaluate` gives to the device to overwrite.
        """
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        self._model.set_weights(self._model.get_weights())

    def _batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The epoch's batches in random order: images, and targets [batch, classes]."""
        alternating = self._recipe.training.tricks.alternating_flip
        for showing in range((epoch - 1) * self._plan.showings, epoch * self._plan.showings):
            mirrored = mirrors(len(self._images), showing + 1, self._recipe.seed, alternating)
            for rows in self._pieces():
                yield from self._batches_of(rows, mirrored[rows])

    def _pieces(self) -> list[np.ndarray]:
        """The rows of each piece of the epoch: whole batches of rows from everywhere, sorted for the disk."""
        number = len(self._images)
        batch = self._plan.batch
        cuts = pieces(number, row_bytes(self._images), batch)
        if len(cuts) == 1:
            return [np.arange(number)]
        order = self._rng.permutation(number)[: number // batch * batch]
        return [np.sort(order[cut]) for cut in cuts if cut.start < len(order)]

    def _batches_of(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of one piece, which is in the memory as long as they are taken."""
        images = self._augmented(rows, mirrored)
        steps = len(rows) // self._plan.batch
        for places in np.split(self._rng.permutation(len(rows))[: steps * self._plan.batch], steps):
            yield images[places], self._one_hot(self._labels[rows[places]])

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        return keras.utils.to_categorical(labels, self._classes)

    def _augmented(self, rows: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """The images of a piece."""
        erasing = self._recipe.training.tricks.erasing
        images = self._images[:] if len(rows) == len(self._images) else self._images[rows]
        images = augment(images, self._augmentation, mirrored, self._rng)
        return erased(images, erasing, self._rng) if erasing else images

    def _mixed(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The batch as it is, or mixed with itself."""
        strength = self._recipe.training.tricks.mixup
        return mixed(images, targets, self._rng.beta(strength, strength)) if strength else (images, targets)

    def _validated(self) -> dict[str, float]:
        """Mean loss and accuracy over the validation part."""
        start = time.perf_counter()
        images, labels = self._validation
        cuts = pieces(len(labels), row_bytes(images) + FLOAT * self._classes, VALIDATION_BATCH)
        logs = [self._evaluated(images[cut], self._one_hot(labels[cut])) for cut in cuts]
        sizes = [cut.stop - cut.start for cut in cuts]
        self._validation_seconds += time.perf_counter() - start
        return {name: float(np.average([log[name] for log in logs], weights=sizes)) for name in logs[0]}

    def _evaluated(self, images: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        return self._model.evaluate(images, targets, batch_size=VALIDATION_BATCH, verbose=0, return_dict=True)

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
            "taken": self._taken,
            "peak_memory": self._peak,
        }
        return snapshot(self._model, facts)

    def restore(self, state: bytes) -> int:
        """Go on from `state`; how many epochs are done. This process has yet to compile, whatever others did."""
        facts: dict[str, Any] = restore(self._model, state)
        self._history = facts["history"]
        self._rng.bit_generator.state = facts["generator"]
        self.setup_seconds += facts["setup_seconds"]
        self._validation_seconds = facts["validation_seconds"]
        self._taken, self._earlier_peak = Taken(*facts["taken"]), facts["peak_memory"]
        return self.epochs

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
            setup_seconds=self.setup_seconds,
            validation_seconds=self._validation_seconds,
        )
