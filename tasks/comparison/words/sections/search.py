"""What the searches of a family found, in words."""

from statistics import median

from tasks.comparison.schema.models import Model
from tasks.comparison.words.wording import count, percent, plural, points, starting, the_family


def search_in_words(model: Model) -> str:
    """Sentences on the chosen trials, on how far the one of a single search is above the median, and on failed ones."""
    said = _one(model) if len(model.searches) == 1 else _several(model)
    failed = sum(trial.status == "failed" for trial in model.trials)
    if failed and any(trial.chosen for trial in model.trials):
        said = f"{said} {plural(failed, 'trial')} failed."
    if stopped := sum(trial.status == "stopped" for trial in model.trials):
        said = f"{said} {plural(stopped, 'trial')} stopped early, as others were ahead."
    return said


def _several(model: Model) -> str:
    scores = [trial.score for trial in model.trials if trial.chosen and trial.score is not None]
    said = starting(f"{the_family(model.family)} has a search of its own for each of {len(model.searches)} seeds.")
    if not scores:
        return said
    return f"{said} The chosen trials reached {percent(min(scores))} to {percent(max(scores))} on the validation part."


def _one(model: Model) -> str:
    family = the_family(model.family)
    scores = [trial.score for trial in model.trials if trial.score is not None]
    chosen = next((trial for trial in model.trials if trial.chosen), None)
    if chosen is None or chosen.score is None:
        return starting(f"{family} has {plural(len(model.trials), 'trial')}, and none of them was chosen.")
    if len(model.trials) == 1:
        return starting(f"{family} has one trial, which reached {percent(chosen.score)} on the validation part.")
    reached = f"it reached {percent(chosen.score)} on the validation part"
    if len(scores) > 2:
        reached += f", {points(chosen.score - median(scores))} points above the median of all scores"
    return f"Of {count(len(model.trials))} trials of {family}, trial {chosen.number} was chosen: {reached}."
