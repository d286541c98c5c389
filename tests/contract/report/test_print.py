"""What a report is on paper: pages of A4 from which nothing is missing, where nothing lies over anything else."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pypdfium2
import pytest

from tasks.comparison.assembly import compare
from tasks.report.pages.html import to_html
from tests.support import synthetic
from tests.support.browser import needs_browser, printed

pytestmark = needs_browser

A4 = (595, 842)  # points
GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
MANY = tuple(f"{name} {number}" for number in (1, 2) for name in (*GREEK, "lambda"))


class Sheet(NamedTuple):
    """One page: its size in points, its text without spaces, and its pieces of text with their boxes.

    `boxes` are [pieces, (left, bottom, right, top)], in points from the lower left corner.
    """

    size: tuple[int, int]
    text: str
    pieces: list[str]
    boxes: np.ndarray


def page(classes=GREEK, budgets=(), families=("ann", "cnn")) -> str:
    request = synthetic.request((synthetic.dataset(classes=classes),), families=families, budgets=budgets)
    branches = synthetic.everything(request, accuracy=0.6, examples=1_000)
    facts = synthetic.facts(request)
    return to_html(compare(request, branches, synthetic.records(request), facts, synthetic.ENVIRONMENT))


PAGES = {
    "two families": page(),
    "22 classes": page(MANY, families=("ann", "cnn", "a_family_with_a_name_of_forty_characters_")),
    "two budgets": page(tuple(f"class {number} of thirty" for number in range(30)), budgets=(5_000, 30_000)),
}


@pytest.fixture(scope="module", params=PAGES)
def report(request, tmp_path_factory) -> tuple[str, list[Sheet]]:
    """A report, and its sheets of paper."""
    folder, markup = tmp_path_factory.mktemp("printed"), PAGES[request.param]
    Path(folder, "report.html").write_text(markup, encoding="utf-8")
    return markup, sheets(printed(Path(folder, "report.html").as_uri(), folder / "profile", folder / "report.pdf"))


def sheets(file: Path) -> list[Sheet]:
    document = pypdfium2.PdfDocument(file)
    try:
        return [_sheet(page) for page in document]
    finally:
        document.close()


def _sheet(page: pypdfium2.PdfPage) -> Sheet:
    text = page.get_textpage()
    boxes = [text.get_rect(index) for index in range(text.count_rects())]
    pieces = [text.get_text_bounded(*box) for box in boxes]
    shown = [index for index, piece in enumerate(pieces) if piece.strip()]
    width, height = map(round, page.get_size())
    whole = without_spaces(text.get_text_bounded())
    return Sheet((width, height), whole, [pieces[index] for index in shown], np.array(boxes).reshape(-1, 4)[shown])


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_all_text_lies_on_the_paper(report):
    """Every sheet is A4, and no text of it is cut off at an edge."""
    for sheet in report[1]:
        assert sheet.size == A4
        assert sheet.boxes[:, :2].min() > 20
        assert sheet.boxes[:, 2].max() < A4[0] - 20


def test_no_text_lies_over_another(report):
    """No table or figure is printed over another one."""
    for sheet in report[1]:
        over = np.argwhere(np.triu(shared(sheet.boxes), 1) > 0.4)
        assert [(sheet.pieces[one], sheet.pieces[other]) for one, other in over] == []


def shared(boxes: np.ndarray) -> np.ndarray:
    """The part of the smaller of two boxes that lies within the other, for each pair: [pieces, pieces]."""
    least, greatest = boxes[:, :2], boxes[:, 2:]
    sides = np.minimum(greatest[:, None], greatest) - np.maximum(least[:, None], least)
    areas = np.prod(greatest - least, axis=1)
    return np.prod(np.maximum(sides, 0), axis=2) / np.maximum(np.minimum(areas[:, None], areas), 1e-9)


def test_every_column_is_on_paper(report):
    """Every caption and every head of a column is there, those of tables too that are folded on a screen."""
    markup, paper = report
    text = "".join(sheet.text for sheet in paper)
    heads = re.findall(r"<caption>(.*?)</caption>|<th[^>]*>(.*?)</th>", markup, flags=re.S)
    words = {without_spaces(re.sub(r"<[^>]+>|&nbsp;", "", "".join(each))) for each in heads}
    assert len(words) > 30
    assert [each for each in words if "&" not in each and each not in text] == []
    assert "Everytrainingof" in text


def test_no_matrix_is_split(report):
    """A confusion matrix stands on one sheet, with its caption, every row and every column."""
    markup, paper = report
    matrices = re.findall(r'<table class="confusion">(.*?)</table>', markup, flags=re.S)
    rows = re.findall(r'<th scope="row">(.*?)</th>', "".join(matrices[:1]))
    names = [without_spaces(name) for name in rows]
    captions = [sheet.text.count("shareofeachtrueclass") for sheet in paper]
    assert sum(captions) == len(matrices)
    for sheet, number in zip(paper, captions, strict=True):
        assert [name for name in names if sheet.text.count(name) < 2 * number] == []
