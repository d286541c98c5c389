"""What the search of a family found, in words."""

from statistics import median

from tasks.comparison.schema.models import Model
from tasks.comparison.words.wording import count, percent, plural, points, starting, the_family


def search_in_words(model: Model) -> str:
    """Sentences on the chosen trial, on how far it is above the median, and on the failed ones."""
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
    said = [f"Of {count(len(model.trials))} trials of {family}, trial {chosen.number} was chosen: {reached}."]
    if failed := sum(trial.status == "failed" for trial in model.trials):
        said.append(f"{plural(failed, 'trial')} failed.")
    return " ".join(said)
