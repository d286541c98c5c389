"""The promises of the report's documents: complete, self-contained, safe, the same every time."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.documents import render
from tasks.report.pages.lines import isolated
from tasks.report.pages.markdown import escaped
from tasks.report.pages.table import to_csv
from tests.support import synthetic

EVIL = """</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"'&lt;{{ 7 * 7 }}|`*[a](javascript:b)"""
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would find: elements, ids, links, and the text outside of them; unclosed elements are errors."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text, self._open = "", []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data.replace("\N{NO-BREAK SPACE}", " ")

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


def _comparison(*, evil: bool = False):
    names = {"title": EVIL} if evil else {}
    about = (synthetic.dataset(**names), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000))
    if evil:
        about = tuple(a.model_copy(update={"classes": (EVIL, "$x_1$", *a.classes[2:])}) for a in about)
    request = synthetic.request(about)
    branches = synthetic.everything(request)
    branches[3] = Branch("fashion_mnist", "cnn", "failed", EVIL if evil else "train: no memory")
    environment = synthetic.ENVIRONMENT.model_copy(update={"machine": {"name": EVIL}}) if evil else None
    return compare(
        request,
        branches,
        synthetic.records(request),
        synthetic.facts(request),
        environment or synthetic.ENVIRONMENT,
    )


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return {name: data.decode() for name, data in render(_comparison()).items()}


@pytest.fixture(scope="module")
def evil() -> dict[str, str]:
    return {name: data.decode() for name, data in render(_comparison(evil=True)).items()}


def test_every_format_is_there(documents):
    """The report comes as JSON, HTML, Markdown, CSV and a notebook, and the page stays small."""
    assert documents.keys() == {"report.json", "report.html", "report.md", "report.csv", "explore.ipynb"}
    assert len(documents["report.html"]) < 2_000_000
    assert json.loads(documents["report.json"])["run"] == "quick-1"


def test_the_same_comparison_gives_the_same_bytes(documents):
    """Nothing of the moment or the machine gets into a document."""
    assert {name: data.decode() for name, data in render(_comparison()).items()} == documents


def test_the_page_needs_nothing_from_elsewhere(documents):
    """No script, no style sheet, no picture, no frame from anywhere; the policy forbids them too."""
    page = Page(documents["report.html"])
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"] == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert all(link.startswith("#") for name in ("href", "xlink:href", "src") for link in page.values(name))
    assert "@import" not in documents["report.html"]


def test_ids_are_unique_and_links_lead_somewhere(documents):
    """No two elements share an id, in the page or in its figures, and every reference has its target."""
    text, page = documents["report.html"], Page(documents["report.html"])
    ids = page.values("id")
    assert len(ids) == len(set(ids)) > 50
    targets = {*page.values("href"), *page.values("xlink:href"), *re.findall(r"url\((#[^)]*)\)", text)}
    assert {target.removeprefix("#") for target in targets} <= set(ids)


def test_figures_take_the_colours_of_the_page(documents):
    """No stand-in colour is left, and none of Matplotlib's own, so that the dark page has no dark text."""
    figures = "".join(re.findall(r'<svg role="img".*?</svg>', documents["report.html"], flags=re.S))
    assert figures.count("<svg") > 10
    assert not re.findall(r"(?:fill|stroke): #|style=", figures)
    styles = dict(re.findall(r"^\.(s\d+) {(.*)}$", documents["report.html"], flags=re.M))
    assert {*re.findall(r' class="(s\d+)"', figures)} == styles.keys()
    assert not re.findall(r"(?:fill|stroke): #", " ".join(styles.values()))
    assert "fill: var(--family-1); stroke: var(--family-1)" in " ".join(styles.values())


def test_hostile_text_stays_text(evil):
    """A title, a class, an error and a machine's name full of markup appear as they are, and do nothing."""
    page = Page(evil["report.html"])
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count(EVIL) > 10
    assert "$x_1$" in page.text


def test_hostile_text_stays_text_in_markdown(evil):
    """In Markdown too no element, link, cell or emphasis comes out of a text."""
    assert not re.search(r"(?<!\\)[<>]", evil["report.md"].replace("|---", ""))
    assert not re.search(r"(?<!\\)\[", evil["report.md"])
    for table in re.findall(r"(?:^\|.*\n)+", evil["report.md"], flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@given(st.text())
@settings(max_examples=200)
def test_markdown_escapes_to_one_line_that_says_the_same(text):
    """Without its backslashes the escaped text is the text, white space aside, and it never breaks a table's row.

    What is written from right to left has marks around it, which nobody sees.
    """
    shown = str(escaped(text))
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", shown)
    assert re.sub(r"\\(.)", r"\1", shown) == isolated(" ".join(text.split()))


def test_the_table_has_a_row_for_every_replicate(documents):
    """Two data sets, two families, three seeds: twelve rows, those of the failed branch with its reason."""
    rows = list(csv.DictReader(io.StringIO(documents["report.csv"])))
    assert [row["status"] for row in rows] == ["done"] * 9 + ["failed"] * 3
    assert {row["error"] for row in rows[9:]} == {"train: no memory"}
    assert [row["seed"] for row in rows[9:]] == ["0", "1", "2"]
    assert all(0 < float(row["accuracy"]) < 1 for row in rows[:9])


def test_a_spreadsheet_runs_no_text():
    """A title that looks like a formula is kept from being one."""
    request = synthetic.request((synthetic.dataset(title="=HYPERLINK(1)"),))
    text = to_csv(compare(request, [], [], {}, synthetic.ENVIRONMENT))
    assert {row["title"] for row in csv.DictReader(io.StringIO(text))} == {"'=HYPERLINK(1)"}


def test_every_view_names_the_verdict_and_the_gap(documents):
    """The page, the Markdown and the table all say what failed; the first two say the verdict."""
    page = Page(documents["report.html"]).text
    for text in (page, documents["report.md"].replace("\\", "")):
        assert "On CIFAR-10 at 250,000 parameters the CNN is better than the ANN by" in text
        assert "The CNN has no result: train: no memory." in text


@pytest.mark.parametrize("families", [("ann",), ("ann", "cnn", "mixer")])
def test_other_numbers_of_families_are_reported(families):
    """One family, three families, one seed: there is a page for each."""
    request = synthetic.request(families=families, replicates=1)
    branches = synthetic.everything(request)
    comparison = compare(request, branches, [], {}, synthetic.ENVIRONMENT)
    assert Page(render(comparison)["report.html"].decode()).text.count("Learning curves") == 1


def test_every_view_of_a_sample_says_that_it_is_no_result():
    """The page and the Markdown carry the sentence of the JSON; the table has the sample's size; others have none."""
    request = synthetic.request().model_copy(update={"examples": 1_000})
    comparison = compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT)
    texts = {name: body.decode() for name, body in render(comparison).items()}
    said = "A sample of at most 1,000 images of each part was used: this is a smoke test, not a result."
    assert json.loads(texts["report.json"])["notice"] == said
    assert said in Page(texts["report.html"]).text
    assert f"> **{said}**" in texts["report.md"]
    assert {row["sample"] for row in csv.DictReader(io.StringIO(texts["report.csv"]))} == {"1000"}


def test_a_run_of_all_images_says_nothing_of_a_sample(documents):
    """Without a sample there is no banner, and the table's column is empty."""
    assert json.loads(documents["report.json"])["notice"] is None
    assert "smoke test" not in documents["report.html"] + documents["report.md"]
    assert {row["sample"] for row in csv.DictReader(io.StringIO(documents["report.csv"]))} == {""}


def test_a_run_without_any_result_is_reported():
    """When everything failed there is a report that says so."""
    comparison = compare(synthetic.request(), [], [], {}, synthetic.ENVIRONMENT)
    assert "there is no result" in Page(render(comparison)["report.html"].decode()).text


def test_no_heading_stands_over_nothing():
    """Without a mistake, or without a comparison, no section of the Markdown and no table is empty."""
    request = synthetic.request()
    perfect = synthetic.everything(request, accuracy=5.0)
    alone = [perfect[0], Branch("cifar10", "cnn", "failed", "no memory")]
    for branches, gone in (
        (perfect, ("Most confused pairs", "as pictures", "The true class is in bold")),
        (alone, ("Paired differences", "## Classes\n")),
        ([Branch("cifar10", each, "failed", "no memory") for each in request.families], ("Calibration", "## Cost")),
    ):
        made = render(compare(request, branches, synthetic.records(request), {}, synthetic.ENVIRONMENT))
        for name in ("report.md", "report.html"):
            text = made[name].decode()
            assert [each for each in gone if each in text] == []
            assert not re.search(r"<tbody>\s*</tbody>|</thead>\s*</table>|^\|-.*\|\n(?!\|)", text, flags=re.M)
        assert not re.search(r"^## .*\s+(?=## |\Z)", made["report.md"].decode(), flags=re.M)
