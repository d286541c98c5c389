"""What a report is for whoever tabs through it, listens to it, or reads it on a phone, as a real browser shows it."""

import json
import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.comparison.schema.history import History, PassedOver
from tasks.report.between.contrast import Side, contrast
from tasks.report.between.history import row_of
from tasks.report.pages.between.contrast_page import to_contrast_page
from tasks.report.pages.between.history_page import to_history_page
from tasks.report.pages.html import to_html
from tests.support import published_runs, synthetic
from tests.support.browser import loaded, needs_browser

pytestmark = needs_browser

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')  # it would forbid the script that measures
OPENED = "document.querySelectorAll('details').forEach(each => each.open = true);"
SAY = "const say = what => parent.postMessage(JSON.stringify(what), '*');"
AXE = """axe.run().then(found => say(found.violations.map(
  each => [each.impact, each.id, each.nodes.map(node => node.html).slice(0, 3)])));"""
WIDTHS = "say([document.documentElement.scrollWidth, innerWidth]);"
FIRST = """say(['h1', '.verdicts li:last-child', '#results tbody tr:nth-child(2)'].map(
  each => document.querySelector(each).getBoundingClientRect().bottom));"""
HEARD = """<script>addEventListener("message", event => document.body.append(
  Object.assign(document.createElement("pre"), {id: "said", textContent: event.data})));</script>"""
SCREENS = {"phone": (390, 844), "desk": (1280, 800)}


def markup(classes=synthetic.CLASSES, families=("ann", "cnn"), *, budgets=(), replicates=3, lost=False) -> str:
    """Two datasets, one of them with these `classes`; `lost` takes away the results of the second."""
    about = (synthetic.dataset(classes=classes), synthetic.dataset("mnist", "MNIST", 100_000))
    request = synthetic.request(about, families, replicates, budgets)
    branches = synthetic.everything(request, accuracy=0.6)
    if lost:
        error = "search: " + "no_memory" * 12
        branches = [
            each if each.dataset == "cifar10" else Branch("mnist", each.family, "failed", error) for each in branches
        ]
    facts = synthetic.facts(request)
    return to_html(compare(request, branches, synthetic.records(request), facts, synthetic.ENVIRONMENT))


def between() -> dict[str, str]:
    """What stands between runs: a report after another one, two runs compared, and a history of 60 runs."""
    (before, its), (after, others) = (published_runs.made(published_runs.request(run)) for run in ("run-1", "run-2"))
    changed = after.request.training.model_copy(update={"epochs": 9})
    after = after.model_copy(update={"request": after.request.model_copy(update={"training": changed})})
    since = contrast(Side(before, "0" * 64, its.__getitem__), after, others.__getitem__)
    rows = [row_of(before, number, "").model_copy(update={"run": f"run-{number}"}) for number in range(60)]
    rows[30] = rows[30].model_copy(update={"code": {"cifar10": "0" * 8}})
    gone = PassedOver(run="run-60", mark="", reason="expected a report, received nothing")
    return {
        "since": to_html(after.model_copy(update={"since": since})),
        "compared": to_contrast_page(before, after, since),
        "history": to_history_page(History(reads=4, rows=tuple(rows), passed_over=(gone,))),
    }


PAGES = between() | {
    "plain": markup(),
    "two classes": markup(("cat", "dog"), replicates=1, lost=True),
    "many": markup(
        tuple(f"class_{number}{'_and_more' * 9}" for number in range(30)),
        ("ann", "cnn", "a_family_with_a_name_of_forty_characters_"),
        budgets=(5_000, 30_000, 120_000),
    ),
}


@pytest.fixture
def said(tmp_path):
    """What a script says of a page after all that is folded was opened; on a `screen`, where it has a size."""

    def said(page: str, script: str, screen: tuple[int, int] | None = None, *, dark: bool = False) -> Any:
        library = files("axe_playwright_python").joinpath("axe.min.js")
        Path(tmp_path, "axe.js").write_bytes(library.read_bytes())
        scripts = f"{HEARD}<script src='axe.js'></script><script>{SAY}{script}</script></body>"
        opened = Path(tmp_path, "report.html")
        opened.write_text(POLICY.sub("", page).replace("</body>", scripts), encoding="utf-8")
        if screen:
            opened = Path(tmp_path, "screen.html")
            size = "style='border: 0; width: {}px; height: {}px'".format(*screen)
            opened.write_text(f"<body>{HEARD}<iframe {size} src='report.html'></iframe></body></html>")
        shown = loaded(opened.as_uri(), tmp_path / "profile", dark=dark)
        return json.loads(unescape(re.search(r'<pre id="said">(.*?)</pre>', shown, flags=re.S)[1]))

    return said


@pytest.mark.parametrize(("screen", "dark"), [("phone", False), (None, True)])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_axe_finds_nothing(said, page, screen, dark):
    """axe-core, which looks for faults in contrast, names, tables, headings and focus, finds none: everything open."""
    assert said(page, OPENED + AXE, SCREENS.get(screen), dark=dark) == []


def test_axe_finds_a_fault(said):
    """The test above can fail: a table's head without a text, and words in the colour of their ground, are found."""
    page = PAGES["plain"].replace(">Test accuracy<", "><", 1).replace("--muted: #5f6770", "--muted: #f0f0f0", 1)
    assert {"empty-table-header", "color-contrast"} <= {name for _, name, _ in said(page, OPENED + AXE)}


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_page_scrolls_sideways(said, page, screen):
    """On a phone and on a desk nothing makes the page wider than its window: everything open."""
    needed, there = said(page, OPENED + WIDTHS, screen)
    assert there == screen[0]
    assert needed <= there


def test_the_first_screen_answers(said):
    """Without scrolling, a desk's screen shows the question, the answer on two datasets and the first result."""
    bottoms = said(PAGES["plain"], FIRST, SCREENS["desk"])
    assert bottoms == sorted(bottoms)
    assert bottoms[-1] < SCREENS["desk"][1]
