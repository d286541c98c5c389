"""The promises of the page's markup, for whoever listens to it, tabs through it, or reads it on a narrow screen."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.pages.html import to_html
from tasks.report.pages.lines import unbroken
from tasks.report.pages.markdown import to_markdown
from tests.support import synthetic

UNIT = re.compile(r"\d (?:%|points?|seeds?|s|min|h|µs|MB)(?!\w)|[=<>±] \d|\bp [=<]")


@dataclass
class Table:
    """A table: the text of its caption, and the attributes of its header cells."""

    caption: str = ""
    headers: list[dict] = field(default_factory=list)


class Outline(HTMLParser):
    """The headings by level, the tables, the boxes that scroll, and the text outside of style and figures."""

    def __init__(self, text: str):
        super().__init__()
        self.levels: list[int] = []
        self.tables: list[Table] = []
        self.boxes: list[dict] = []
        self.text, self._open = "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._open.append(tag)
        found = dict(attributes)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.tables.append(Table())
        if tag == "th":
            self.tables[-1].headers.append(found)
        if found.get("class") == "scroll":
            self.boxes.append(found)

    def handle_endtag(self, tag):
        self._open.pop() if tag == self._open[-1] else self._open.remove(tag)

    def handle_data(self, data):
        if self._open and self._open[-1] == "caption":
            self.tables[-1].caption += data
        if not {"style", "svg", "pre", "code"} & set(self._open):
            self.text += data


def single() -> str:
    """One budget, one branch without a result, and a dataset of single images with its gate."""
    about = (synthetic.dataset(), synthetic.living())
    request = synthetic.request(about)
    found = [Branch("cifar10", "cnn", "failed", "no memory")]
    found += [synthetic.branch(request, about[0], "ann")]
    found += [synthetic.branch(request, about[1], family, classes=3) for family in request.families]
    classes = ("roses", "tulips", "weeds")
    counts = {"train": [300, 200, 3], "validation": [30, 20, 1], "test": [133, 133, 134]}
    facts = synthetic.facts(request) | {"flowers": synthetic.living_facts(classes, counts)}
    return to_html(compare(request, found, synthetic.records(request), facts, synthetic.ENVIRONMENT))


def several() -> str:
    """Three budgets and 30 classes."""
    about = synthetic.dataset(classes=tuple(f"class {number}" for number in range(30)))
    request = synthetic.request((about,), budgets=(5_000, 30_000, 120_000))
    found = synthetic.everything(request)
    return to_html(compare(request, found, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT))


@pytest.fixture(scope="module", params=[single, several])
def page(request) -> str:
    return request.param()


def test_every_table_says_what_it_is(page):
    """Every table has a caption, and each of its header cells says whether it heads a column, a row or a group."""
    tables = Outline(page).tables
    assert len(tables) > 8
    assert [table for table in tables if not table.caption.strip()] == []
    scopes = [header.get("scope") for table in tables for header in table.headers]
    assert {*scopes} <= {"col", "row", "rowgroup", "colgroup"}


def test_every_box_that_scrolls_can_be_reached(page):
    """A keyboard reaches every box that scrolls sideways, and a screen reader says a name that no other box has."""
    boxes = Outline(page).boxes
    assert all((box.get("tabindex"), box.get("role")) == ("0", "region") for box in boxes)
    names = [box.get("aria-label") for box in boxes]
    assert all(names)
    assert len(names) == len(set(names)) == len(Outline(page).tables)


def test_headings_leave_out_no_level(page):
    """There is one heading of the first level, and none is more than one level below the one before it."""
    levels = Outline(page).levels
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_says_its_language_and_can_be_skipped(page):
    """A screen reader knows the language; the first link leads past the head of the page."""
    assert '<html lang="en">' in page
    assert re.search(r'<body>\s*<a class="skip" href="#results">', page)


def test_no_line_ends_between_a_number_and_its_unit(page):
    """Between number and unit, sign and number, and around the sign of a p-value the space does not break."""
    assert UNIT.findall(Outline(page).text) == []


BROKEN = {
    "95 % interval": "95_% interval",
    "1 min 02 s": "1_min_02_s",
    "p < 0.001, p = 0.706": "p_<_0.001, p_=_0.706",
    "± 0.40 s": "±_0.40_s",
    "21.6 points over 3 seeds": "21.6_points over 3_seeds",
    "3 sheep, 5 horses": "3 sheep, 5 horses",
}


@pytest.mark.parametrize("text", BROKEN)
def test_spaces_that_do_not_break(text):
    """Only the spaces within a number with its unit change; what is no text stays as it is."""
    assert unbroken(text) == BROKEN[text].replace("_", "\N{NO-BREAK SPACE}")
    assert unbroken(3) == 3


def test_the_largest_run_is_a_page_that_loads():
    """Two datasets at eight budgets make a page below 3 MB."""
    about = (synthetic.dataset(), synthetic.dataset("mnist", "MNIST", 100_000))
    request = synthetic.request(about, budgets=tuple(5_000 * 2**step for step in range(8)))
    made = compare(request, synthetic.everything(request), synthetic.records(request), {}, synthetic.ENVIRONMENT)
    assert len(to_html(made).encode()) < 3_000_000


def test_a_name_or_a_command_can_be_copied():
    """What stands in <code> is as it is typed: no space of it is another character, whatever it is between."""
    request, name = synthetic.request(), "3 h/roses 5 min, p = 3.jpg"
    facts = synthetic.facts(request)
    facts["cifar10"] |= {"gate": [synthetic.finding("tiny", 1, 9, 0.5, [name])]}
    made = compare(request, synthetic.everything(request), synthetic.records(request), facts, synthetic.ENVIRONMENT)
    page = to_html(made.model_copy(update={"reproduce": f"make run DATASETS='{name}'"}))
    assert f"<code>{name}</code>" in page
    assert f"<code>make run DATASETS=&#39;{name}&#39;</code>" in page


def test_a_share_that_rounds_to_nothing_is_an_empty_cell():
    """One answer of 200 in another class: half a percent is no 0 among the numbers of the matrix."""
    request = synthetic.request()
    made = compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT)
    (dataset,) = made.datasets
    models = [
        model.model_copy(update={"confusion": ((0, 0, 199), (0, 1, 1), (1, 1, 197), (1, 0, 3))})
        for model in dataset.models
    ]
    page = to_html(made.model_copy(update={"datasets": (dataset.model_copy(update={"models": tuple(models)}),)}))
    table = page[page.index('<table class="confusion">') :].partition("</table>")[0]
    cells = [cell for cell in re.findall(r"<td style=[^>]*>([^<]*)</td>", table) if cell]
    assert cells == ["100", "2", "98"]


def test_long_names_are_short_beside_pictures_and_whole_in_their_titles():
    """Below the images of a gallery a name is as short as in the matrix; its title and the tables have it whole."""
    names = tuple(f"{'Great grey shrike ' * 8}number {number}" for number in range(10))
    request = synthetic.request((synthetic.dataset(classes=names),))
    made = compare(request, synthetic.everything(request), [], synthetic.facts(request), synthetic.ENVIRONMENT)
    page = to_html(made)
    gallery = re.search(r'<ul class="gallery">.*?</ul>', page, flags=re.S)[0]
    shown = re.findall(r"<(?:b|span)[^>]*>([^<]*)<", gallery)
    assert max(map(len, shown)) < 50
    assert {*re.findall(r'<b title="([^"]*)">', gallery)} <= {*names}
    assert all(f'scope="rowgroup" rowspan="2">{name}<' in page for name in names)


def test_names_from_right_to_left_move_nothing_beside_them():
    """A Hebrew or Arabic name is isolated from the numbers and commas around it, on the page and in Markdown."""
    names = ("שלום עולם", "مرحبا", *(f"class {number}" for number in range(8)))
    request = synthetic.request((synthetic.dataset(title="בדיקה", classes=names),))
    made = compare(request, synthetic.everything(request), [], synthetic.facts(request), synthetic.ENVIRONMENT)
    page = re.sub(r"<svg role.*?</svg>", "", to_html(made), flags=re.S)
    for text in (page, to_markdown(made)):
        for name in (*names[:2], "בדיקה"):
            assert name in text
            assert name not in text.replace(f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}", "")
