"""The promises of `tasks.comparison.frontier`: what several budgets say together, in stretches and in words."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.frontier import frontiers
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.report.documents import render
from tests.support import synthetic
from tests.support.differences import difference
from tests.unit.report.test_documents import EVIL, Page

MIDDLES = {"better": 1, "worse": -1, "equal": 0, "better or equal": 0.08, "undecided": 0}  # of the size
HALVES = {"equal": 0.004, "undecided": 0.03}
BUDGETS = (5_000, 30_000, 120_000, 500_000)


def part(budget, conclusion, size=0.1, error="search: no memory", **changes):
    """One comparison at one budget, as far as a frontier looks at it."""
    models = [Model(family="ann", status="done"), Model(family="cnn", status="done")]
    found = ()
    if conclusion == "unknown":
        models[1] = Model(family="cnn", status="failed", error=error)
    else:
        found = (difference(MIDDLES[conclusion] * size, HALVES.get(conclusion, 0.01)),)
        assert found[0].conclusion == conclusion
    fields = {"name": "x", "title": "X", "budget": budget, "classes": ("a", "b"), "verdict": "", "facts": {}}
    fields |= {"differences": found, "models": tuple(models), "fairness": ()}
    return DatasetComparison(**fields | changes)


def verdict(*conclusions):
    parts = [part(budget, conclusion) for budget, conclusion in zip(BUDGETS, conclusions, strict=False)]
    (frontier,) = frontiers(parts, ("ann", "cnn"))
    return frontier.verdict


AGAINST = "The CNN against the ANN on X: "


@pytest.mark.parametrize(
    ("conclusions", "expected"),
    [
        (
            ("undecided", "better", "better", "undecided"),
            "undecided at 5,000 parameters; better from 30,000 to 120,000 (by 10.0 points); "
            "undecided at 500,000. "
            "Its advantage begins between 5,000 and 30,000 parameters and ends between 120,000 and 500,000.",
        ),
        (
            ("worse", "better"),
            "worse at 5,000 parameters (by 10.0 points); better at 30,000 (by 10.0 points). "
            "Its advantage begins between 5,000 and 30,000 parameters and lasts to 30,000, the most compared.",
        ),
        (
            ("better", "worse"),
            "better at 5,000 parameters (by 10.0 points); worse at 30,000 (by 10.0 points). "
            "Its advantage is there at 5,000 parameters, the fewest compared, and ends between 5,000 and 30,000.",
        ),
        (
            ("worse", "undecided", "better"),
            "worse at 5,000 parameters (by 10.0 points); undecided at 30,000; "
            "better at 120,000 (by 10.0 points). "
            "Its advantage begins between 30,000 and 120,000 parameters and lasts to 120,000, the most compared.",
        ),
        (
            ("better", "undecided", "undecided", "worse"),
            "better at 5,000 parameters (by 10.0 points); undecided from 30,000 to 120,000; "
            "worse at 500,000 (by 10.0 points). "
            "Its advantage is there at 5,000 parameters, the fewest compared, and ends between 5,000 and 30,000.",
        ),
        (
            ("better", "better", "better", "better"),
            "better from 5,000 to 500,000 parameters (by 10.0 points). "
            "Its advantage neither begins nor ends within these budgets.",
        ),
        (
            ("undecided", "worse"),
            "undecided at 5,000 parameters; worse at 30,000 (by 10.0 points). "
            "It has no advantage that could be detected.",
        ),
        (
            ("better", "undecided", "better"),
            "better at 5,000 parameters (by 10.0 points); undecided at 30,000; "
            "better at 120,000 (by 10.0 points). Its advantage comes and goes.",
        ),
        (
            ("undecided", "unknown", "better", "unknown"),
            "undecided at 5,000 parameters; not compared at 30,000; "
            "better at 120,000 (by 10.0 points); not compared at 500,000. "
            "Its advantage begins between 5,000 and 120,000 parameters and lasts to 120,000, the most compared. "
            "The CNN has no result at 30,000 and 500,000 parameters: search: no memory.",
        ),
        (
            ("better", "unknown", "better"),
            "better at 5,000 parameters (by 10.0 points); not compared at 30,000; "
            "better at 120,000 (by 10.0 points). Its advantage neither begins nor ends within these budgets. "
            "The CNN has no result at 30,000 parameters: search: no memory.",
        ),
        (
            ("unknown", "unknown"),
            "not compared from 5,000 to 30,000 parameters. "
            "The CNN has no result at 5,000 and 30,000 parameters: search: no memory.",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_where_the_advantage_begins_and_ends(conclusions, expected):
    """Crossings, ties, gaps and what goes on over the edge: each is said with the budgets between which it lies."""
    assert verdict(*conclusions) == AGAINST + expected


def test_a_stretch_says_how_small_and_how_large_its_difference_is():
    """The least and the greatest difference of a stretch, by size and not by their letters, are in its words."""
    parts = [part(budget, "worse", size) for budget, size in zip(BUDGETS, (0.099, 0.3, 0.02), strict=False)]
    (frontier,) = frontiers(parts, ("ann", "cnn"))
    assert "worse from 5,000 to 120,000 parameters (by 2.0 to 30.0 points)" in frontier.verdict


def test_what_is_lost_for_different_reasons_is_said_for_each():
    """Budgets that share a reason share a sentence, others have their own."""
    lost = {5_000: "search: no memory", 30_000: "train, seed 1: killed", 120_000: "search: no memory"}
    (frontier,) = frontiers([part(b, "unknown", error=error) for b, error in lost.items()], ("ann", "cnn"))
    assert "The CNN has no result at 5,000 and 120,000 parameters: search: no memory." in frontier.verdict
    assert "The CNN has no result at 30,000 parameters: train, seed 1: killed." in frontier.verdict


@pytest.fixture(scope="module")
def comparison():
    """Two datasets at three budgets; the CNN falls behind, catches up and is lost on one of them."""
    about = (synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000))
    request = synthetic.request(about, budgets=(5_000, 30_000, 120_000))
    branches = []
    for dataset, last in zip(about, (None, 0.7), strict=True):
        alone = request.model_copy(update={"datasets": (dataset,)})
        branches += synthetic.frontier(alone, ann=(0.5, 0.5, 0.5), cnn=(0.35, 0.65, last))
    return compare(request, branches, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)


def test_every_budget_is_compared_by_itself(comparison):
    """A comparison each, with its own models, differences and contract; the frontier says what they are together."""
    assert [(part.name, part.budget) for part in comparison.datasets] == [
        (name, budget) for name in ("cifar10", "fashion_mnist") for budget in (5_000, 30_000, 120_000)
    ]
    concluded = [part.differences[0].conclusion if part.differences else None for part in comparison.datasets]
    assert concluded == ["worse", "better", None, "worse", "better", "better"]
    assert all(clause.holds is not False for part in comparison.datasets for clause in part.fairness)
    assert comparison.status == "partial"
    cifar, fashion = comparison.frontiers
    assert [(s.conclusion, s.budgets) for s in cifar.stretches] == [
        ("worse", (5_000,)), ("better", (30_000,)), ("unknown", (120_000,)),
    ]  # fmt: skip
    assert fashion.stretches[-1].budgets == (30_000, 120_000)
    assert comparison.verdicts == (cifar.verdict, fashion.verdict)


def test_p_values_are_adjusted_over_all_budgets(comparison):
    """Five differences of one run: the smallest p-value is five times what it was alone."""
    found = [part.differences[0] for part in comparison.datasets if part.differences]
    assert len(found) == 5
    least = min(found, key=lambda difference: difference.p_value_unadjusted)
    assert least.p_value == pytest.approx(min(1.0, 5 * least.p_value_unadjusted))


def test_one_budget_has_no_frontier():
    """The report of a run of one budget has nothing of it: no section, no figure, no word."""
    request = synthetic.request()
    one = compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT)
    assert one.frontiers == ()
    assert one.verdicts == (one.datasets[0].verdict,)
    documents = {name: body.decode() for name, body in render(one).items()}
    page = documents["report.html"].partition("</style>")[2]
    assert "rontier" not in page + documents["report.md"] + documents["report.csv"]
    assert 'class="part"' not in page


def test_every_view_tells_the_budgets_apart(comparison):
    """The page has the frontier first and a part a budget; Markdown and CSV name the budget in every row."""
    documents = {name: body.decode() for name, body in render(comparison).items()}
    page = documents["report.html"]
    for frontier in comparison.frontiers:
        assert frontier.verdict in page.replace("&#39;", "'").replace("\N{NO-BREAK SPACE}", " ")
        assert frontier.verdict in documents["report.md"].replace("\\", "")
    section = page[page.index('id="dataset-cifar10"') : page.index('id="dataset-fashion_mnist"')]
    assert section.index("cifar10-frontier-parameters") < section.index('id="dataset-cifar10-5000"')
    assert section.count('<details class="part">') == 3
    assert "CIFAR-10, 30,000 parameters" in documents["report.md"]
    rows = list(csv.DictReader(io.StringIO(documents["report.csv"])))
    assert len({(row["dataset"], row["budget"], row["family"], row["seed"]) for row in rows}) == len(rows) == 36
    assert json.loads(documents["report.json"])["reproduce"].endswith(" BUDGETS=5000,30000,120000")


def test_the_page_of_several_budgets_is_whole_and_safe():
    """No id comes twice, every link has its target, and hostile text in a title or a reason is text."""
    request = synthetic.request((synthetic.dataset(title=EVIL),), budgets=(5_000, 30_000))
    branches = synthetic.frontier(request, ann=(0.5, 0.5), cnn=(0.6, None))
    branches[-1] = replace(branches[-1], error=EVIL)
    text = render(compare(request, branches, [], {}, synthetic.ENVIRONMENT))["report.html"].decode()
    page = Page(text)
    ids = page.values("id")
    assert len(ids) == len(set(ids)) > 50
    targets = {*page.values("href"), *page.values("xlink:href"), *re.findall(r"url\((#[^)]*)\)", text)}
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert page.text.count(EVIL) > 5


def test_a_run_of_one_family_draws_its_frontier_alone():
    """With nothing to compare, what the family reaches at each budget is said."""
    request = synthetic.request(families=("ann",), budgets=(5_000, 30_000))
    branches = synthetic.frontier(request, ann=(0.4, 0.6))
    alone = compare(request, branches, [], {}, synthetic.ENVIRONMENT)
    assert alone.verdicts[0].startswith("On CIFAR-10 there is no comparison; the ANN reaches ")
    assert "% at 5,000 parameters and " in alone.verdicts[0]
    assert "frontier-difference" not in render(alone)["report.html"].decode()


def test_a_frontier_of_failures_is_reported():
    """When every budget failed there is a page that says so, and draws nothing."""
    nothing = compare(synthetic.request(budgets=(5_000, 30_000)), [], [], {}, synthetic.ENVIRONMENT)
    page = render(nothing)["report.html"].decode()
    assert "not compared from 5,000 to 30,000 parameters" in page
    assert '<svg role="img"' not in page


def test_a_second_evaluation_at_one_budget_is_a_breach_there_alone():
    """The test part is read once for each family and budget."""
    request = synthetic.request(budgets=(5_000, 30_000))
    twice = [*synthetic.records(request), synthetic.record("evaluate", "cifar10", "cnn", budget=30_000)]
    found = compare(request, synthetic.everything(request), twice, {}, synthetic.ENVIRONMENT)
    broken = [[clause.name for clause in part.fairness if clause.holds is False] for part in found.datasets]
    assert broken == [[], ["test part"]]
    assert "not fair at 30,000 parameters: the contract is broken on test part." in found.verdicts[0]
