"""A model that only answers the largest class, or never some class, is named as such wherever a result is shown."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.documents import render
from tests.support import synthetic
from tests.unit.report.test_documents import Page

ABOUT = synthetic.dataset()
EXAMPLES = 1000
TRUTH = np.where(np.arange(EXAMPLES) < 970, 3, np.arange(EXAMPLES) % 10)  # nearly all of the class cat
CAT = "always answering \N{LEFT DOUBLE QUOTATION MARK}cat\N{RIGHT DOUBLE QUOTATION MARK}, the largest class (97.3 %)"


def compared(*, facts=True, budgets=(), **guesses):
    """The comparison of models whose predictions are given, by family, for each of two seeds."""
    request = synthetic.request(families=tuple(guesses), replicates=2, budgets=budgets)
    branches = []
    for about in request.comparisons:
        for family, by_seed in guesses.items():
            one_hot = [np.eye(10, dtype=np.float32)[guessed] for guessed in by_seed]
            made = [synthetic.measured(request, about, family, seed, TRUTH, each) for seed, each in enumerate(one_hot)]
            budget = about.budget if budgets else None
            branches.append(Branch(about.name, family, "done", replicates=tuple(made), budget=budget))
    counts = {"class_counts": {"train": [97 if index == 3 else 1 for index in range(10)]}}
    return compare(request, branches, [], {ABOUT.name: counts} if facts else {}, synthetic.ENVIRONMENT)


ONLY_CAT = np.full(EXAMPLES, 3)
ONLY_DOG = np.full(EXAMPLES, 5)
HALF_RIGHT = np.where(np.arange(EXAMPLES) % 2, TRUTH, (TRUTH + 1) % 10)
NO_SHIP = np.where(TRUTH == 8, 0, TRUTH)


def test_a_model_of_the_largest_class_alone_is_no_result():
    """Where both models only answer the class that 97 % of the images have, the verdict says so of both."""
    (dataset,) = compared(ann=[ONLY_CAT] * 2, cnn=[ONLY_CAT] * 2).datasets
    assert (dataset.baseline.name, dataset.baseline.accuracy) == ("cat", pytest.approx(0.973))
    for family in ("ANN", "CNN"):
        said = f"The {family} predicts \N{LEFT DOUBLE QUOTATION MARK}cat\N{RIGHT DOUBLE QUOTATION MARK} only"
        assert f"{said} and is no better than {CAT}." in dataset.verdict


def test_a_model_worse_than_the_largest_class_is_named():
    """A model that is right more seldom than a constant answer is no better, however varied its answers are."""
    (dataset,) = compared(ann=[HALF_RIGHT] * 2, cnn=[TRUTH] * 2).datasets
    assert f"The ANN is no better than {CAT}" in dataset.verdict
    assert "The CNN is no better" not in dataset.verdict


def test_a_model_that_may_be_no_better_is_named():
    """A model a single example above the constant answer is not detectably better."""
    one_more = ONLY_CAT.copy()
    one_more[np.flatnonzero(TRUTH != 3)[0]] = TRUTH[TRUTH != 3][0]
    (dataset,) = compared(ann=[one_more] * 2, cnn=[TRUTH] * 2).datasets
    assert f"is not detectably better than {CAT}" in dataset.verdict


def test_one_constant_seed_is_named_by_its_number():
    """Where one training collapsed, its seed is said."""
    (dataset,) = compared(ann=[TRUTH, ONLY_DOG], cnn=[TRUTH] * 2).datasets
    assert "The ANN predicts one class only under seed 1" in dataset.verdict
    assert [replicate.classes_predicted for replicate in dataset.models[0].replicates] == [10, 1]


def test_classes_that_are_never_predicted_are_named():
    """A class that no seed of a family ever answers is said by its name."""
    (dataset,) = compared(ann=[NO_SHIP] * 2, cnn=[TRUTH] * 2).datasets
    assert dataset.models[0].never_predicted == ("ship",)
    assert "The ANN never predicts 1 of 10 classes (ship)." in dataset.verdict
    assert dataset.models[1].never_predicted == ()


def test_models_that_are_right_together_are_said_to_be():
    """An interval without width has its reason beside it: both models are right on the same examples."""
    (dataset,) = compared(ann=[NO_SHIP] * 2, cnn=[NO_SHIP] * 2).datasets
    assert "The CNN and the ANN are right on exactly the same examples." in dataset.verdict


def test_models_that_are_always_or_never_right_are_said_to_be():
    """Who is right on no example is not said to be right on the same ones; who is right on all is right on all."""
    (never,) = compared(ann=[(TRUTH + 1) % 10] * 2, cnn=[(TRUTH + 1) % 10] * 2).datasets
    assert "Neither the CNN nor the ANN is right on any test example." in never.verdict
    (always,) = compared(ann=[TRUTH] * 2, cnn=[TRUTH] * 2).datasets
    assert "The CNN and the ANN are right on every test example." in always.verdict
    assert not any("the same examples" in dataset.verdict for dataset in (never, always))


def test_the_verdict_over_several_budgets_names_them_too():
    """The frontier's verdict says at which budgets a model is no better than the largest class."""
    (frontier,) = compared(ann=[ONLY_CAT] * 2, cnn=[TRUTH] * 2, budgets=(5_000, 30_000)).frontiers
    assert "At 5,000 and 30,000 parameters the ANN predicts" in frontier.verdict
    assert f"is no better than {CAT}." in frontier.verdict


def test_every_view_shows_the_baseline_and_the_caution():
    """The page and the Markdown have the baseline as a row, and the caution; the CSV has columns for both."""
    texts = {name: body.decode() for name, body in render(compared(ann=[ONLY_CAT] * 2, cnn=[TRUTH] * 2)).items()}
    for text in (Page(texts["report.html"]).text, texts["report.md"].replace("\\", "")):
        assert "Largest class" in text
        assert "97.30 %" in text
        assert text.count(f"is no better than {CAT}") >= 2
    rows = list(csv.DictReader(io.StringIO(texts["report.csv"])))
    assert [row["classes_predicted"] for row in rows] == ["1", "1", "10", "10"]
    assert {row["baseline_accuracy"] for row in rows} == {"0.973"}


def test_every_view_shows_the_nearest_centroid():
    """The page and the Markdown have a row, and the CSV a column; where no family knows it there is none."""
    request = synthetic.request()
    branches = synthetic.everything(request)
    known = compare(request, branches, [], {}, synthetic.ENVIRONMENT)
    texts = {name: body.decode() for name, body in render(known).items()}
    for text in (Page(texts["report.html"]).text, texts["report.md"]):
        assert "Nearest centroid" in text
        assert "28.00 %" in text
    assert {row["centroid_accuracy"] for row in csv.DictReader(io.StringIO(texts["report.csv"]))} == {"0.28"}
    first, second = (replace(branch, nearest_centroid=None) for branch in branches)
    for some, expected in (([first, branches[1]], synthetic.CENTROID), ([first, second], None)):
        (dataset,) = compare(request, some, [], {}, synthetic.ENVIRONMENT).datasets
        assert (dataset.centroid and dataset.centroid.accuracy) == expected


def test_without_the_training_parts_counts_there_is_no_baseline():
    """Where normalize's facts are gone, nothing is guessed; constant predictions are still named."""
    (dataset,) = compared(ann=[ONLY_CAT] * 2, cnn=[TRUTH] * 2, facts=False).datasets
    assert dataset.baseline is None
    assert "only." in dataset.verdict


def test_models_that_differ_between_seeds_can_all_be_better():
    """A wide spread of two seeds casts no doubt on models that each beat the constant answer by far."""
    numbers = np.arange(EXAMPLES)
    balanced = numbers % 10
    guesses = [np.where(numbers // 10 % 10 < tenths, balanced, (balanced + 1) % 10) for tenths in (3, 8)]
    request = synthetic.request(families=("ann",), replicates=2)
    made = [
        synthetic.measured(request, ABOUT, "ann", seed, balanced, np.eye(10, dtype=np.float32)[guessed])
        for seed, guessed in enumerate(guesses)
    ]
    branch = Branch(ABOUT.name, "ann", "done", replicates=tuple(made))
    facts = {ABOUT.name: {"class_counts": {"train": [10] * 10}}}
    (dataset,) = compare(request, [branch], [], facts, synthetic.ENVIRONMENT).datasets
    assert dataset.models[0].margin.p_value < 0.001
    assert "better than always" not in dataset.verdict
