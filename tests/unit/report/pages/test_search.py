"""The promises of the page about the search."""

import re
from dataclasses import replace

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.words.wording import UNKNOWN
from tasks.report.pages.html import to_html
from tasks.report.pages.trials import choice
from tests.support import synthetic
from tests.unit.report.test_documents import Page


def page(number: int, failed: int = 0) -> str:
    """The page of a run whose families had so many trials, the last ones of which failed."""
    request = synthetic.request(replicates=1)
    request = request.model_copy(update={"search": request.search.model_copy(update={"trials": number + failed})})
    lost = {"status": "failed", "score": None, "error": "no memory: ask for less"}
    branches = []
    for branch in synthetic.everything(request, examples=100):
        trials = [trial | {"score": trial["number"] / 300} for trial in branch.trials]
        trials = trials[:number] + [trial | lost for trial in trials[number:]]
        best = {"trial": number - 1, "hyperparameters": trials[number - 1]["hyperparameters"]}
        branches.append(replace(branch, searches=(replace(branch.searches[0], trials=trials, best=best),)))
    return to_html(compare(request, branches, [], {}, synthetic.ENVIRONMENT))


def rows(text: str, family: str) -> list[str]:
    """The numbers of the trials in a family's table, from above."""
    table = re.search(rf"<summary>{family}: \d+ trials.*?</details>", text, flags=re.S)[0]
    return re.findall(r'scope="row">(\d+)', table)


def test_few_trials_are_all_there_the_best_first():
    """Three trials stand open, with a column for what was varied and a note of what was not; failed ones are last."""
    text = page(3, failed=1)
    assert rows(text, "CNN") == ["2", "1", "0", "3"]
    assert text.count("<details open><summary>CNN: 4 trials") == 1
    assert '<th scope="col">learning rate</th>' in text
    said = Page(text).text
    assert "The same in all trials: weight_decay 0.01, label_smoothing 0.05." in said
    assert "Trial 3: no memory: ask for less" in said
    assert "Of 4 trials of the CNN, trial 2 was chosen" in said


def test_of_many_trials_the_ends_are_there():
    """Two hundred trials are folded: the ten best, the number between, and the five last, failed ones among them."""
    text = page(198, failed=2)
    shown = rows(text, "ANN")
    assert shown == [*map(str, range(197, 187, -1)), "2", "1", "0", "198", "199"]
    assert "185 trials between" in text
    assert "<details><summary>ANN: 200 trials" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "yes"), (False, "no"), (3, "3"), (0.0123456, "0.0123"), ("max", "max"), (None, UNKNOWN)]
)
def test_a_choice_reads_well(value, shown):
    """A switch is yes or no, a number has three digits, what a trial does not have is a dash."""
    assert choice(value) == shown
