"""The promises of a report's first words: its question in the families of the run, and an answer in a line."""

import pytest

from tasks.comparison.words.opening import answer, answer_over_budgets, question
from tests.support.differences import difference

QUESTIONS = {
    ("ann", "cnn"): "is a CNN really better than an ANN, by how much, and what does it cost?",
    ("ann", "cnn", "mixer"): "is a CNN or mixer really better than an ANN, by how much, and what does it cost?",
    ("ann", "cnn", "vit", "mlp"): "is a CNN, a VIT or an MLP really better than an ANN, by how much, and what does it "
    "cost?",
    ("mixer",): "how good is mixer, and what does it cost?",
}


@pytest.mark.parametrize("families", QUESTIONS)
def test_the_question_names_the_families(families):
    """The question asks for each family against the reference; of one family it asks how good that is."""
    assert question(families, families[0], datasets=1, parts=1).endswith(QUESTIONS[families])


def test_the_question_says_how_often_it_is_asked():
    """What there is one of is this one; of several, each."""
    asked = {
        (datasets, parts): question(["ann", "cnn"], "ann", datasets=datasets, parts=parts)
        for datasets, parts in ((1, 1), (1, 3), (2, 2))
    }
    assert asked[1, 1].startswith("On this dataset, at this parameter budget, is")
    assert asked[1, 3].startswith("On this dataset, at each parameter budget, is")
    assert asked[2, 2].startswith("On each dataset, at each parameter budget, is")


ANSWERS = {
    (0.216, 0.02): "The CNN is better than the ANN by 21.6 points",
    (-0.05, 0.02): "The CNN is worse than the ANN by 5.0 points",
    (0.0, 0.004): "The CNN and the ANN are practically equal",
    (0.01, 0.012): "The CNN is better than the ANN, or practically equal",
    (-0.01, 0.012): "The CNN is worse than the ANN, or practically equal",
    (0.0, 0.04): "Undecided between the CNN and the ANN",
}


@pytest.mark.parametrize("span", ANSWERS)
def test_each_conclusion_is_a_line(span):
    """Each of the six conclusions is said in a few words, and only a detected difference has its size."""
    assert answer(difference(*span)) == ANSWERS[span]


def test_the_answers_over_budgets_are_counted():
    """Over several budgets the line says how often each conclusion was drawn, and where there was no comparison."""
    better, undecided = difference(0.2, 0.02), difference(0.0, 0.04)
    assert answer_over_budgets([better] * 3, 3) == "The CNN against the ANN: better at 3 of 3 budgets"
    assert answer_over_budgets([undecided, better, better], 5) == (
        "The CNN against the ANN: better at 2 of 5 budgets, undecided at 1, not compared at 2"
    )
