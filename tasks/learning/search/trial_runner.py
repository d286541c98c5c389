"""The search for hyper-parameters: Keras Tuner proposes, `tasks.learning.loop` trains, validation accuracy judges.

A trial that fails is recorded with its reason and the search goes on. Keras Tuner's own extension points are used: an
oracle proposes, a subclass of its Tuner runs the trials. Its files are not: our records are what a search goes on from.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import keras_tuner
import numpy as np
from keras_tuner.errors import FailedTrialError

from tasks.learning.loop import Arrays, Recipe, Report, fit
from tasks.learning.network import Description, assemble
from tasks.learning.search.proposals import OBJECTIVE, TrialShare, oracle_for, space
from tasks.learning.search.trials import Trial
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training


class SearchInput(NamedTuple):
    """What all trials of a search have in common: the network without hyper-parameters, and what it learns from."""

    description: Description
    train: Arrays
    validation: Arrays
    training: Training
    augmentation: Augmentation
    seed: int


def search(
    given: SearchInput, share: TrialShare, keep: Callable[[Sequence[Trial]], None], report: Report
) -> list[Trial]:
    """Run the trials of `share`; the same seed proposes the same trials, to whichever share they fall.

    Args:
        given: what all trials have in common.
        share: what to run; finished trials that are proposed again are taken as they are.
        keep: gets all the trials there are, finished ones too, as soon as one more ends.
        report: gets a line an epoch.

    Raises:
        ValueError: no widths meet the budget under the default hyper-parameters.
    """
    oracle = oracle_for(share, space(given.description), given.seed)
    part = given._replace(train=_subset(given.train, share.settings.fraction, given.seed))
    # Keras Tuner writes its files in place, where a kill leaves half of one; nothing reads them again.
    with tempfile.TemporaryDirectory(prefix="tuner-") as folder:
        tuner = _Tuner(oracle, part, share, (keep, report), Path(folder))
        oracle.verbose = 0
        tuner.search()
    return tuner.records


class RungCheckpoints:
    """The checkpoints of a trial that goes on from an earlier one's state, and may be gone on from: Hyperband's rungs.

    Keras Tuner itself hands on the weights alone; here the optimizer's state, the schedule and chance go on too.
    """

    def __init__(self, folder: Path, earlier: str | None, own: str):
        self._earlier, self._own = folder / f"{earlier}.state", folder / f"{own}.state"

    def latest(self) -> bytes | None:
        """The earlier trial's state; none for a first rung, or if another process ran it."""
        return self._earlier.read_bytes() if self._earlier.exists() else None

    def save(self, _step: int, state: bytes) -> None:
        """Keep this trial's state."""
        self._own.write_bytes(state)


class _Tuner(keras_tuner.Tuner):
    """Runs what the oracle proposes, and keeps our own record of it."""

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        given: SearchInput,
        share: TrialShare,
        observers: tuple[Callable[[Sequence[Trial]], None], Report],
        folder: Path,
    ):
        super().__init__(oracle, directory=str(folder), project_name="tuner", overwrite=True)
        self.records: list[Trial] = []
        self._input, self._settings, self._numbers = given, share.settings, share.numbers
        self._folder = folder
        self._keep, self._report = observers
        self._finished = {trial.number: trial for trial in share.finished}

    def run_trial(self, trial: keras_tuner.engine.trial.Trial) -> dict[str, float | None]:
        """Train once and return the score, or fail with the reason."""
        proposed = dict(trial.hyperparameters.values)
        values = {name: value for name, value in proposed.items() if not name.startswith("tuner/")}
        epochs = proposed.get("tuner/epochs", self._settings.epochs)  # up to which Hyperband trains this one
        rung = RungCheckpoints(self._folder, proposed.get("tuner/trial_id"), trial.trial_id)
        record = self._remembered(values, epochs) or self._tried(values, epochs, rung)
        self.records.append(record)
        if record.status == "failed":
            raise FailedTrialError(record.error)
        return {OBJECTIVE.name: record.score}

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Outside of what Keras Tuner catches: a record that cannot be kept ends the search."""
        super().on_trial_end(trial)
        if self.records[-1].number not in self._finished:
            self._keep(tuple(self.records))

    def _number(self) -> int:
        """The number of the trial that runs."""
        return self._numbers[len(self.records)]

    def _remembered(self, values: dict, epochs: int) -> Trial | None:
        """The finished trial of this number, if it is the one that is proposed."""
        known = self._finished.get(self._number())
        same = known and (known.hyperparameters, known.epochs, known.seed) == (values, epochs, self._input.seed)
        if not same:
            self._finished.pop(self._number(), None)
        return known if same else None

    def _tried(self, values: dict, epochs: int, rung: RungCheckpoints) -> Trial:
        start = time.perf_counter()
        outcome = self._outcome(values, epochs, rung)
        return Trial(
            number=self._number(),
            hyperparameters=values,
            seconds=time.perf_counter() - start,
            seed=self._input.seed,
            epochs=epochs,
            **outcome,
        )

    def _outcome(self, values: dict, epochs: int, rung: RungCheckpoints) -> dict:
        """Train once; whatever goes wrong is the trial's reason, and the next one starts from a clean slate."""
        build = partial(assemble, self._input.description.with_hyperparameters(values))
        kept = rung if self._settings.tuner == "hyperband" else None
        try:
            fitted = fit(build, *self._arrays(), self._recipe(values, epochs), self._progress, kept)
        except Exception as error:  # the search outlives any one trial
            return {"status": "failed", "error": _reason(error), "parameters": None, "score": None}
        finally:
            _forget_graphs()
        score = fitted.history[-1]["val_accuracy"]
        return {"status": "done", "parameters": fitted.model.count_params(), "score": score}

    def _arrays(self) -> tuple[Arrays, Arrays]:
        return self._input.train, self._input.validation

    def _recipe(self, values: dict, until: int) -> Recipe:
        training = self._input.training.model_copy(update={"epochs": self._settings.epochs})
        return Recipe(training, self._input.augmentation, values, self._input.seed, until)

    def _progress(self, line: str) -> None:
        self._report(f"trial {len(self.records) + 1}/{self._settings.trials}, {line}")


def _forget_graphs() -> None:
    """Let go of what earlier trainings compiled, so that the memory of a search does not grow with its trials.

    TensorFlow registers a function for each gradient that its graphs customise, and never drops one; each holds its
    graph, some 30 MB a training: https://github.com/tensorflow/tensorflow/issues/97697.
    """
    if keras.config.backend() == "tensorflow":
        from tensorflow.python.framework.ops import gradient_registry

        for name in [name for name in gradient_registry.list() if name.startswith("CustomGradient-")]:
            del gradient_registry._registry[name]  # it has no public way to drop one
    keras.utils.clear_session()  # collects garbage, too


def _reason(error: Exception) -> str:
    """The error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _subset(arrays: Arrays, fraction: float, seed: int) -> Arrays:
    """A seeded share of every class, at least one image of each; everything for a fraction of 1."""
    images, labels = arrays
    if fraction == 1:
        return arrays
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = [order[labels[order] == label] for label in np.unique(labels)]
    chosen = np.sort(np.concatenate([row[: max(1, round(fraction * len(row)))] for row in rows]))
    return images[chosen], labels[chosen]
