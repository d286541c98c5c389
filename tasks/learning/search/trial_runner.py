"""The search for hyper-parameters: Keras Tuner proposes, `tasks.learning.loop` trains, validation accuracy decides.

A trial fails when its hyper-parameters make no model or no training. It is recorded with its reason, and the search
goes on. Any other error may come from this machine at this moment, so it ends the search, and nothing of it is kept.

Keras Tuner is used through its extension points: an oracle proposes, and a subclass of its Tuner runs the trials. Its
files are not used: a search resumes from our records.
"""

import importlib
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import keras_tuner
import numpy as np
from keras_tuner.errors import FailedTrialError, FatalError

from tasks.learning.budget import BudgetError
from tasks.learning.loop import Arrays, DivergenceError, Recipe, Report, fit
from tasks.learning.mapped import chosen
from tasks.learning.network import Description, assemble
from tasks.learning.search.proposals import EARLIER, EPOCHS, NUMBER, OBJECTIVE, TrialShare, oracle_for
from tasks.learning.search.space import space
from tasks.learning.search.trials import Trial, ended
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training


class UnbuildableError(ValueError):
    """A family builds no model of these hyper-parameters."""


# What the hyper-parameters alone bring about: on every machine, and every time.
FAULTS_OF_HYPERPARAMETERS = (BudgetError, DivergenceError, UnbuildableError)


class BrokenTrialError(FatalError):
    """A trial ended by something other than its hyper-parameters: no memory, a full disk, a library that is missing."""


class SearchInput(NamedTuple):
    """What all trials of a search share: the network without hyper-parameters, the data, and how to train."""

    description: Description
    train: Arrays
    validation: Arrays
    training: Training
    augmentation: Augmentation
    seed: int


def search(
    search_input: SearchInput, share: TrialShare, keep: Callable[[Sequence[Trial]], None], report: Report
) -> list[Trial]:
    """Run the trials of `share`. The same seed proposes the same trials, whatever the shares are.

    In a search by cohorts a trial may be several trainings, each of which goes on from the one before.

    Args:
        search_input: what all trials share; its description has those values of the first trial that are no defaults.
        share: the trials to run; finished trainings that are proposed again are not run again.
        keep: receives all trainings so far, finished ones too, each time that one more ends.
        report: receives one line for each epoch.

    Raises:
        BudgetError: no widths meet the budget under the first trial's hyper-parameters.
        BrokenTrialError: a trial ended by something other than its hyper-parameters; finished trials are kept.
    """
    oracle = oracle_for(share, space(search_input.description), search_input.seed)
    subset = _subset(search_input.train, share.settings.fraction, search_input.seed)
    # Keras Tuner overwrites its files in place, so that a kill may leave half of one. Nothing reads them again.
    with tempfile.TemporaryDirectory(prefix="tuner-") as folder:
        tuner = _Tuner(oracle, search_input._replace(train=subset), share, (keep, report), Path(folder))
        oracle.verbose = 0
        tuner.search()
    return ended(tuner.records, share.settings.epochs) if share.settings.cohort > 1 else tuner.records


class RungCheckpoints:
    """The checkpoints of a trial by rungs, which may resume that of a lower rung, and be resumed itself.

    Keras Tuner itself hands over the weights only. Here the optimizer's state, the schedule and the random generators
    are handed over too.
    """

    def __init__(self, folder: Path, earlier: str | None, own: str):
        self._earlier, self._own = folder / f"{earlier}.state", folder / f"{own}.state"

    def latest(self) -> bytes | None:
        """The earlier trial's state; None for a first rung, or if another process ran that trial."""
        return self._earlier.read_bytes() if self._earlier.exists() else None

    def save(self, _step: int, state: bytes) -> None:
        """Keep this trial's state."""
        self._own.write_bytes(state)


class _Tuner(keras_tuner.Tuner):
    """Runs the trials that the oracle proposes, and keeps our own records of them."""

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        search_input: SearchInput,
        share: TrialShare,
        observers: tuple[Callable[[Sequence[Trial]], None], Report],
        folder: Path,
    ):
        super().__init__(oracle, directory=str(folder), project_name="tuner", overwrite=True)
        self.records: list[Trial] = []
        self._search_input, self._settings, self._numbers = search_input, share.settings, share.numbers
        self._folder = folder
        self._keep, self._report = observers
        self._number = share.numbers[0]
        self._finished = {(trial.number, trial.epochs): trial for trial in share.finished}

    def run_trial(self, trial: keras_tuner.engine.trial.Trial) -> dict[str, float | None]:
        """Train once and return the score.

        Raises:
            FailedTrialError: the trial failed, with the reason; the search goes on.
            BrokenTrialError: the trial broke; it ends the search.
        """
        proposed = dict(trial.hyperparameters.values)
        values = {name: value for name, value in proposed.items() if not name.startswith("tuner/")}
        self._number = proposed[NUMBER] if NUMBER in proposed else self._numbers[len(self.records)]
        epochs = proposed.get(EPOCHS, self._settings.epochs)  # not all, if a better half is to go on
        rung = RungCheckpoints(self._folder, proposed.get(EARLIER), trial.trial_id)
        record = self._finished_record(values, epochs) or self._tried(values, epochs, rung)
        self.records.append(record)
        if record.status == "failed":
            raise FailedTrialError(record.error)
        return {OBJECTIVE.name: record.score}

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Keep the records. Keras Tuner catches no error raised here, so a failure to keep them ends the search."""
        super().on_trial_end(trial)
        if (self.records[-1].number, self.records[-1].epochs) not in self._finished:
            self._keep(tuple(self.records))

    def _finished_record(self, values: dict, epochs: int) -> Trial | None:
        """The finished training of this trial, if it is the proposed one. Otherwise it is forgotten."""
        trial = self._finished.get((self._number, epochs))
        if trial and (trial.hyperparameters, trial.seed) == (values, self._search_input.seed):
            return trial
        self._finished.pop((self._number, epochs), None)
        return None

    def _tried(self, values: dict, epochs: int, rung: RungCheckpoints) -> Trial:
        start, used = time.perf_counter(), time.process_time()
        outcome = self._outcome(values, epochs, rung)
        return Trial(
            number=self._number,
            hyperparameters=values,
            seconds=time.perf_counter() - start,
            cpu_seconds=time.process_time() - used,
            seed=self._search_input.seed,
            epochs=epochs,
            **outcome,
        )

    def _outcome(self, values: dict, epochs: int, rung: RungCheckpoints) -> dict:
        """Train once. The next trial starts without what this one left behind.

        Raises:
            BrokenTrialError: something other than the hyper-parameters ended the trial.
        """
        build = partial(_built, self._search_input.description.with_hyperparameters(values))
        checkpoints = rung if self._settings.tuner == "hyperband" or self._settings.cohort > 1 else None
        train, validation = self._search_input.train, self._search_input.validation
        try:
            fitted = fit(build, train, validation, self._recipe(values, epochs), self._progress, checkpoints)
        except FAULTS_OF_HYPERPARAMETERS as error:
            return {"status": "failed", "error": _reason(error), "parameters": None, "score": None}
        except Exception as error:
            raise BrokenTrialError(
                f"{self._current()}: {_reason(error)}; finished trials are kept, and a retry goes on with this one"
            ) from error
        finally:
            _forget_graphs()
        score = fitted.history[-1]["val_accuracy"]
        return {"status": "done", "parameters": fitted.model.count_params(), "score": score}

    def _recipe(self, values: dict, until: int) -> Recipe:
        training = self._search_input.training.model_copy(update={"epochs": self._settings.epochs})
        return Recipe(training, self._search_input.augmentation, values, self._search_input.seed, until)

    def _progress(self, line: str) -> None:
        self._report(f"{self._current()}, {line}")

    def _current(self) -> str:
        place = self._numbers.index(self._number) if self._settings.cohort > 1 else len(self.records)
        return f"trial {place + 1}/{self._settings.trials}"


def _built(description: Description) -> keras.Model:
    """The model that `description` says.

    Raises:
        BudgetError: no widths meet the budget.
        UnbuildableError: the family cannot build it; a known state of the libraries leaves its values as the reason.
    """
    try:
        return assemble(description)
    except BudgetError:
        raise
    except (ValueError, TypeError) as error:
        raise UnbuildableError(_reason(error)) from error


def _forget_graphs() -> None:
    """Release the graphs of earlier trainings, so that the memory of a search does not grow with its trials.

    TensorFlow registers a function for each custom gradient of its graphs, and never drops one. Each function holds its
    graph, some 30 MB for each training: https://github.com/tensorflow/tensorflow/issues/97697.
    """
    if keras.config.backend() == "tensorflow":
        gradient_registry = importlib.import_module("tensorflow.python.framework.ops").gradient_registry  # see `loop`
        for name in [name for name in gradient_registry.list() if name.startswith("CustomGradient-")]:
            del gradient_registry._registry[name]  # there is no public way
    keras.utils.clear_session()  # it collects garbage too


def _reason(error: Exception) -> str:
    """The error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _subset(arrays: Arrays, fraction: float, seed: int) -> Arrays:
    """A random `fraction` of every class, at least one image of each; everything for a fraction of 1."""
    images, labels = arrays
    if fraction == 1:
        return arrays
    order = np.random.default_rng(seed).permutation(len(labels))
    classes = [order[labels[order] == label] for label in np.unique(labels)]
    rows = np.sort(np.concatenate([members[: max(1, round(fraction * len(members)))] for members in classes]))
    return chosen(images, rows), labels[rows]
