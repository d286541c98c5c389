"""The promises of the page about calibration."""

import re

import pytest

from tasks.comparison.assembly import compare
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
