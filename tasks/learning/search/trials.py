"""The trials of a search and the choice among them. This module needs no Keras, so that choosing is cheap."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from pydantic import Field, TypeAdapter

from tasks.errors import RequestError
from tasks.settings.values import Frozen, Hyperparameters


class Trial(Frozen):
    """One trial: its hyper-parameters and its result. `score` is the validation accuracy after the last epoch.

    A trial that was stopped early has no score, as no other has one after so many `epochs`; `error` says why it was.
    `seconds` and `cpu_seconds` are all that it took, on the wall's clock and on the processors; a trial of an earlier
    release knows only the first.
    """

    number: int = Field(ge=0)
    hyperparameters: Hyperparameters
    parameters: int | None
    score: float | None
    seconds: float
    cpu_seconds: float | None = None
    seed: int
    epochs: int
    status: Literal["done", "failed", "stopped"]
    error: str | None = None


TRIALS = TypeAdapter(list[Trial])


class SearchError(RequestError):
    """No trial of a search succeeded. The hyper-parameters alone were the reason, so a retry does not help."""


def dump(trials: Sequence[Trial]) -> bytes:
    """`trials` as JSON."""
    return TRIALS.dump_json(list(trials), indent=1)


def load(body: bytes) -> list[Trial]:
    """The trials that `dump` wrote, with exactly the same numbers."""
    return TRIALS.validate_json(body)


def joined(shards: Iterable[Sequence[Trial]]) -> list[Trial]:
    """The trials of all shards, sorted by their numbers."""
    return sorted((trial for shard in shards for trial in shard), key=lambda trial: trial.number)


def ended(trainings: Sequence[Trial], epochs: int) -> list[Trial]:
    """The trials of a search by cohorts, by number, from their `trainings`, of which each went on from the one before.

    A trial whose last training ended before `epochs` was stopped. It took the time of all its trainings.
    """
    ordered = sorted(trainings, key=lambda training: (training.number, training.epochs))
    return [_ended(list(own), epochs) for _, own in groupby(ordered, key=lambda training: training.number)]


def _ended(trainings: Sequence[Trial], epochs: int) -> Trial:
    """One trial, from its trainings in their order."""
    last, known = trainings[-1], [each.cpu_seconds for each in trainings if each.cpu_seconds is not None]
    trial = last.model_copy(update={"seconds": sum(t.seconds for t in trainings), "cpu_seconds": sum(known) or None})
    if last.status == "failed" or last.epochs == epochs:
        return trial
    reason = f"stopped after epoch {last.epochs}/{epochs} with val_accuracy {last.score:.4f}, behind its cohort"
    return trial.model_copy(update={"status": "stopped", "score": None, "error": reason})


def best(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest score; of equal ones, the earlier.

    Raises:
        SearchError: every trial failed.
    """
    scored = [trial for trial in trials if trial.score is not None]
    if not scored:
        failed = [trial for trial in trials if trial.status == "failed"]
        reason = min((str(trial.error) for trial in failed), default="there was none")
        raise SearchError(
            f"expected a trial that succeeds, received {len(failed)} that failed: {reason}; "
            "ask for more trials, for another budget, or for other settings of the profile"
        )
    return max(scored, key=lambda trial: (trial.score, -trial.number))
