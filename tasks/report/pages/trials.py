"""The trials of a search as a table: the best first, a column for each hyper-parameter that was varied."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.comparison.schema.models import Trial
from tasks.comparison.words import wording

FIRST, LAST = 10, 5  # of many trials, those at each end of the table
SHOWN = 20  # trials that a table has room for
Value = bool | int | float | str


class TrialTable(NamedTuple):
    """The trials of one search, the highest score first, the failed ones last.

    Attributes:
        varied: hyper-parameters that differ between the trials; `fixed`: the others, with their value.
        first, last: all trials, or the ends of many; `between`: those that are left out.
    """

    varied: tuple[str, ...]
    fixed: Mapping[str, Value | None]
    first: Sequence[Trial]
    between: Sequence[Trial]
    last: Sequence[Trial]


def trial_table(trials: Sequence[Trial]) -> TrialTable:
    """The table of the trials of a search."""
    ranked = sorted(trials, key=_rank)
    names = dict.fromkeys(name for trial in trials for name in trial.hyperparameters)
    values = {name: {trial.hyperparameters.get(name) for trial in trials} for name in names}
    fixed = {
        name: each for name, several in values.items() if len(several) == 1 for each in several if each is not None
    }
    few = len(ranked) <= SHOWN
    return TrialTable(
        varied=tuple(name for name in names if name not in fixed),
        fixed=fixed,
        first=ranked if few else ranked[:FIRST],
        between=() if few else ranked[FIRST:-LAST],
        last=() if few else ranked[-LAST:],
    )


def choice(value: Value | None) -> str:
    """A value of a hyper-parameter; one that a trial does not have is a dash."""
    if value is None:
        return wording.UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return wording.significant(value) if isinstance(value, float) else str(value)


def _rank(trial: Trial) -> tuple[bool, bool, float, int]:
    return trial.status == "failed", trial.score is None, -(trial.score or 0.0), trial.number
