"""What a downloaded report does in a real browser: nothing, whatever stands in it."""

import re
from pathlib import Path

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.pages.html import to_html
from tests.support import synthetic
from tests.support.browser import loaded, needs_browser
from tests.support.http_server import answer, server

pytestmark = needs_browser

OWNED = "document.documentElement.dataset.owned=1"
PAYLOADS = {
    "script": f"</title></style><script>{OWNED}</script>",
    "handler": f"<img src=x onerror={OWNED}>",
    "drawing": f"<svg onload={OWNED}>",
    "link": f"<iframe src='javascript:parent.{OWNED}'></iframe>",
    "document": f"<iframe srcdoc='<script>parent.{OWNED}</script>'></iframe>",
    "detail": f"<details open ontoggle={OWNED}>",
}
POLICY = '<meta http-equiv="Content-Security-Policy"'


@pytest.fixture
def opened(tmp_path):
    """Open markup as the file that somebody downloaded; the document that the browser made of it."""

    def opened(markup: str) -> str:
        Path(tmp_path, "report.html").write_text(markup, encoding="utf-8")
        return loaded(Path(tmp_path, "report.html").as_uri(), tmp_path / "profile")

    return opened


def report(*texts: str) -> str:
    """A report whose title, classes, error and machine carry `texts`."""
    about = synthetic.dataset(title=f"CIFAR-10{texts[0] if texts else ''}")
    about = about.model_copy(update={"classes": (*texts, *synthetic.CLASSES)[:10]})
    request = synthetic.request((about,))
    branches = [
        synthetic.branch(request, about, "ann"),
        Branch("cifar10", "cnn", "failed", "no memory" + "".join(texts)),
    ]
    machine = synthetic.ENVIRONMENT.model_copy(update={"machine": {f"name{text}": text for text in texts}})
    return to_html(compare(request, branches, synthetic.records(request), synthetic.facts(request), machine))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_is_live(opened, payload):
    """The tests below can fail: each payload runs in a page without a policy that does not escape it."""
    assert "data-owned" in opened(f"<!doctype html><html><body>{payload}</body></html>")


def test_a_link_of_the_frontier_opens_the_part_that_it_leads_to(tmp_path):
    """The parts of several budgets are folded; whoever follows a budget of the table sees its part, with no script."""
    request = synthetic.request(budgets=(5_000, 30_000, 120_000))
    page = to_html(compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT))
    assert 'href="#dataset-cifar10-30000"' in page
    Path(tmp_path, "report.html").write_text(page, encoding="utf-8")
    shown = loaded(f"{Path(tmp_path, 'report.html').as_uri()}#dataset-cifar10-30000", tmp_path / "profile")
    parts = re.findall(r'<details class="part"( open="")?><summary><h3>([\d,]+) parameters', shown)
    assert parts == [("", "5,000"), (' open=""', "30,000"), ("", "120,000")]


MEASURED = """<script>
document.documentElement.dataset.right = Math.max(...[...document.querySelectorAll("#results .cards td")]
  .map(cell => cell.getBoundingClientRect().right)) <= document.documentElement.clientWidth
</script></body>"""


@pytest.mark.parametrize("title", ["word " * 40, "x" * 200])
def test_a_long_title_leaves_the_results_in_view(opened, title):
    """Whatever the title, every column of the results ends within the window; a long family name is no harm."""
    about = synthetic.dataset(title=title.strip(), classes=tuple(f"{name}{'_and_more' * 9}" for name in "abcdefghij"))
    request = synthetic.request((about,), families=("ann", "a_family_with_a_name_of_forty_characters_"))
    branches = [synthetic.branch(request, about, family, accuracy=0.6) for family in request.families]
    page = to_html(compare(request, branches, [], synthetic.facts(request), synthetic.ENVIRONMENT))
    shown = opened(re.sub(rf"{POLICY}[^>]*>", "", page).replace("</body>", MEASURED))
    assert 'data-right="true"' in shown


def test_hostile_names_run_nothing(opened):
    """In a title, a class, an error and a machine's name markup is text, even without the policy."""
    page = report(*PAYLOADS.values())
    assert page.count(POLICY) == 1
    shown = opened(page.replace(POLICY, "<meta"))
    assert "data-owned" not in shown
    assert shown.count("&lt;iframe") > 10


def test_the_policy_holds_what_escaping_would_let_through(opened):
    """Markup that got into a downloaded report all the same runs nothing and loads nothing from anywhere."""
    heard = []

    def respond(handler):
        heard.append(handler.path)
        answer(handler)

    with server(respond) as address:
        beacon = (
            f"<img src={address}/image><link rel=stylesheet href={address}/style><iframe src={address}/frame></iframe>"
        )
        evil = report().replace(
            "<main>", "<main>" + "".join(PAYLOADS.values()).removeprefix("</title></style>") + beacon
        )
        assert "data-owned" not in opened(evil)
        assert heard == []
        assert "data-owned" in opened(evil.replace(POLICY, "<meta"))
        assert {"/image", "/style", "/frame"} <= set(heard)
