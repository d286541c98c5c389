"""The promises of `tasks.comparison.words.sections.search`."""

import pytest

from tasks.comparison.schema.models import Model, Trial
from tasks.comparison.words.sections.search import search_in_words


def trial(number: int, score: float | None, **more) -> Trial:
    """A trial; one without a score failed."""
    values = {"hyperparameters": {}, "parameters": 9, "seconds": 1.0, "seed": 0, "epochs": 1}
    state = {"status": "done"} if score is not None else {"status": "failed", "error": "no memory"}
    return Trial(number=number, score=score, **values | state | more)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (
            [trial(0, 0.5), trial(1, 0.6, chosen=True), trial(2, 0.52), trial(3, None)],
            "Of 4 trials of the CNN, trial 1 was chosen: it reached 60.0 % on the validation part, 8.0 points above "
            "the median of all scores. 1 trial failed.",
        ),
        (
            [trial(0, 0.5, chosen=True), trial(1, 0.4)],
            "Of 2 trials of the CNN, trial 0 was chosen: it reached 50.0 % on the validation part.",
        ),
        ([trial(0, 0.5, chosen=True)], "The CNN has one trial, which reached 50.0 % on the validation part."),
        (
            [trial(n, 0.5 + n / 10 + s / 100, chosen=n == 1, search=s) for s in (0, 1) for n in (0, 1)],
            "The CNN has a search of its own for each of 2 seeds. The chosen trials reached 60.0 % to 61.0 % on the "
            "validation part.",
        ),
        ([trial(0, None), trial(1, None)], "The CNN has 2 trials, and none of them was chosen."),
        (
            [trial(0, 0.5, chosen=True), trial(1, None, status="stopped"), trial(2, None, status="stopped")],
            "Of 3 trials of the CNN, trial 0 was chosen: it reached 50.0 % on the validation part. 2 trials stopped "
            "early, as others were ahead.",
        ),
    ],
)
def test_what_a_search_found(trials, expected):
    """The chosen trial, its distance to the median of three scores or more, and the failed ones."""
    assert search_in_words(Model(family="cnn", status="failed", error="train", trials=trials)) == expected
