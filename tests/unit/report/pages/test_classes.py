"""The promises of the page about single classes."""

import re

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.schema.differences import ClassDifference
from tasks.report.documents import render
from tasks.report.pages import templates
from tasks.report.pages.figures.classes import ends
from tasks.report.pages.html import to_html
from tests.support import synthetic
from tests.support.differences import difference
from tests.unit.report.test_documents import Page


def reported(number: int, families=("ann", "cnn"), examples: int = 2_000):
    """The comparison and the documents of a run with so many classes."""
    classes = tuple(f"class {label}" for label in range(number))
    request = synthetic.request((synthetic.dataset(classes=classes),), families=families, replicates=2)
    branches = synthetic.everything(request, examples=examples)
    comparison = compare(request, branches, [], synthetic.facts(request), synthetic.ENVIRONMENT)
    return comparison, render(comparison)


@pytest.fixture(scope="module")
def ten():
    """A report of ten classes."""
    return reported(10)


def drawn(page: str) -> list[str]:
    """The class names in the figure of the differences, from above."""
    figure = re.search(r'<svg role="img" aria-label="[^"]*recall.*?</svg>', page, flags=re.S)[0]
    return [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", figure) if text.startswith("class ")]


def test_the_difference_of_recall_is_that_of_the_models(ten):
    """Every class's estimate is the difference of the two models' recalls, over all its test examples."""
    (dataset,) = ten[0].datasets
    ann, cnn = dataset.models
    for found, first, second in zip(dataset.differences[0].classes, ann.classes, cnn.classes, strict=True):
        assert (found.name, found.support) == (first.name, first.support)
        assert found.estimate == pytest.approx(second.recall - first.recall)


def test_every_class_is_in_words_figure_and_table(ten):
    """The largest gain is named with its interval, drawn first, and first in the table."""
    comparison, documents = ten
    by_gain = sorted(comparison.datasets[0].differences[0].classes, key=lambda each: -each.estimate)
    text = documents["report.html"].decode()
    assert f"most on “{by_gain[0].name}” ({100 * by_gain[0].estimate:.1f} points, " in Page(text).text
    assert set(drawn(text)) == {each.name for each in by_gain}
    table = re.search(r"<summary>CNN minus ANN: 10 classes.*?</details>", text, flags=re.S)[0]
    assert re.findall(r'scope="row">(class \d)', table) == [each.name for each in by_gain]


def test_two_classes_and_three_families():
    """Every compared family has its sentence, its figure and its table."""
    _, documents = reported(2, ("ann", "cnn", "mixer"), 300)
    text = documents["report.html"].decode()
    assert text.count("Difference of recall by class on") == 2
    assert "mixer minus ANN: 2 classes" in text


def test_a_thousand_classes_are_the_ends_of_a_list():
    """The figure has twenty, the table fifty, the JSON all; the report stays below 3 MB."""
    comparison, documents = reported(1_000, examples=6_000)
    text = documents["report.html"].decode()
    present = comparison.datasets[0].differences[0].classes
    assert len(present) > 900
    assert len(drawn(text)) == 20
    table = re.search(r"<summary>CNN minus ANN: the ends of \d+ classes.*?</details>", text, flags=re.S)[0]
    assert table.count('scope="row"') == 50
    assert sum(map(len, documents.values())) < 3_000_000


def test_the_ends_are_the_surest_classes():
    """A class of few examples whose interval is wide does not hide a smaller gain or loss that is sure."""
    sizes = {"sure gain": (0.2, 0.1), "wide gain": (0.9, 1.0), "sure loss": (-0.2, 0.1), "wide loss": (-0.9, 1.0)}
    classes = [
        ClassDifference(
            name=name,
            support=9,
            estimate=middle,
            low=max(middle - half, -1),
            high=min(middle + half, 1),
            p_value=0.01 if half < abs(middle) else 0.9,
        )
        for name, (middle, half) in sizes.items()
    ]
    found = difference(0.0, 0.1, classes=classes)
    assert [each.name for each in ends(found, 2)] == ["sure gain", "sure loss"]
    assert [each.name for each in ends(found, 4)] == ["wide gain", "sure gain", "sure loss", "wide loss"]


def test_one_family_has_no_differences():
    """Nothing is compared, and the scores of the classes are there."""
    _, documents = reported(10, ("cnn",), 300)
    text = documents["report.html"].decode()
    assert "of recall by class" not in text
    assert "F1 by class" in text


def test_long_names_push_no_title_out_of_its_figure():
    """Every figure's title begins at its left edge, however long the names of the classes beside the axes are."""
    names = tuple(f"Great grey shrike of the northern forests, number {number}" for number in range(30))
    request = synthetic.request((synthetic.dataset(classes=names),), replicates=2)
    comparison = compare(request, synthetic.everything(request, examples=2_000), [], {}, synthetic.ENVIRONMENT)
    page = render(comparison)["report.html"].decode()
    titles = re.findall(r'<text [^>]*\bx="([\d.]+)"[^>]*>(?:The surest|The \d+ classes of)', page)
    assert titles == ["0", "0"]


def test_a_run_of_very_many_scores_shows_the_ends_of_each_dataset(monkeypatch):
    """The room of a page is for all datasets, budgets and families of a run; report.json has what it leaves out."""
    comparison, documents = reported(30)
    assert "The lowest F1 first, means" in documents["report.html"].decode()
    monkeypatch.setattr(templates, "FOLDED", 30 * 2 * 2 - 1)
    page = to_html(comparison.model_copy(update={"datasets": comparison.datasets * 2}))
    assert "The lowest F1 first, means" not in page
    assert page.count("means over the seeds; report.json has all 30</caption>") == 2
