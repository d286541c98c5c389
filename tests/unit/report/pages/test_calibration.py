"""The promises of the page about calibration."""

import csv
import io
import re

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.words.sections.calibration import scaling_in_words
from tasks.report.documents import render
from tests.support import synthetic
from tests.unit.report.test_documents import Page


@pytest.fixture(scope="module")
def documents():
    """The documents of a run of two families."""
    request = synthetic.request()
    comparison = compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT)
    return comparison, {name: body.decode() for name, body in render(comparison).items()}


def test_the_page_says_and_draws_how_sure_each_family_is(documents):
    """A sentence for each family, one diagram with both, and both scores with their deviations."""
    comparison, texts = documents
    page = Page(texts["report.html"])
    drawn = re.search(r'<svg role="img" aria-label="Accuracy by confidence.*?</svg>', texts["report.html"], flags=re.S)
    assert {"ANN", "CNN"} <= set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn[0]))
    for model in comparison.datasets[0].models:
        brier = model.spread["brier"]
        assert f"The {model.family.upper()} is " in page.text
        assert f"{brier.mean:.4f}± {brier.std:.4f}" in page.text


def test_the_page_and_the_markdown_say_what_a_temperature_does(documents):
    """Both have the sentence; the page has a row of scaled scores for each family, and hollow marks."""
    comparison, texts = documents
    page = Page(texts["report.html"])
    for model in comparison.datasets[0].models:
        assert scaling_in_words(model) in page.text
        assert scaling_in_words(model) in texts["report.md"].replace("\\", "")
        assert f"{model.family.upper()}, scaled" in page.text
    assert "Hollow marks" in page.text


def test_a_report_without_temperatures_shows_the_rest(documents):
    """Where an earlier release evaluated, there is the calibration as it was, and no word on temperatures."""
    comparison, _ = documents
    dataset, new = (
        comparison.datasets[0],
        ("temperature", "calibrated_error", "calibrated_brier", "calibrated_log_loss"),
    )
    models = []
    for model in dataset.models:
        spread = {name: each for name, each in model.spread.items() if name not in new}
        replicates = tuple(each.model_copy(update=dict.fromkeys(new)) for each in model.replicates)
        models.append(model.model_copy(update={"calibrated": None, "spread": spread, "replicates": replicates}))
    old = dataset.model_copy(update={"models": tuple(models), "centroid": None})
    texts = render(comparison.model_copy(update={"datasets": (old,)}))
    for name in ("report.html", "report.md"):
        text = texts[name].decode()
        assert "Calibration" in text
        assert not any(word in text for word in ("temperature", "scaled", "Hollow", "centroid"))


def test_the_table_has_the_temperature(documents):
    """Every row of the CSV has the temperature of its replicate, and the calibration error there."""
    comparison, texts = documents
    rows = list(csv.DictReader(io.StringIO(texts["report.csv"])))
    replicates = [each for model in comparison.datasets[0].models for each in model.replicates]
    for name in ("temperature", "calibrated_error"):
        assert [float(row[name]) for row in rows] == [getattr(each, name) for each in replicates]


def test_the_table_has_the_brier_score(documents):
    """Every row of the CSV has the Brier score of its replicate."""
    comparison, texts = documents
    header, *rows = (line.split(",") for line in texts["report.csv"].splitlines())
    scores = [float(row[header.index("brier")]) for row in rows]
    assert scores == [r.brier for model in comparison.datasets[0].models for r in model.replicates]


def test_a_report_without_bins_has_no_such_section(documents):
    """Where an earlier release evaluated, the page has no diagram, and all else."""
    comparison, _ = documents
    dataset = comparison.datasets[0]
    models = [model.model_copy(update={"calibration": None}) for model in dataset.models]
    old = comparison.model_copy(update={"datasets": (dataset.model_copy(update={"models": tuple(models)}),)})
    page = render(old)["report.html"].decode()
    assert "Accuracy by confidence" not in page
    assert "Learning curves" in page
