"""The history's page: legible and small with 1,000 runs, safe with any name, and true about what changed."""

import re

import pytest
from pydantic import ValidationError

from tasks.comparison.schema.history import History, PassedOver, Promoted, Result, Row
from tasks.report.pages.between.history_figures import MOST, thinned
from tasks.report.pages.between.history_page import ROWS, to_history_page
from tasks.settings.workflow import TOGETHER

EVIL = "<script>alert(1)</script>"


def result(family, number, dataset="cifar10", budget=250_000):
    accuracy = 0.6 + 0.2 * (family == "cnn") + 0.01 * (number % 7)
    return Result(
        dataset=dataset, title=dataset.upper(), budget=budget, family=family, accuracy=accuracy, low=accuracy - 0.01,
        high=accuracy + 0.01, seeds=3, parameters=249_900, train_seconds=12.5,
        conclusion="better" if family == "cnn" else None,
    )  # fmt: skip


def row(number, datasets=("cifar10",), **values):
    named = {"run": f"run-{number}", "number": number, "mark": "m", "created": f"2026-{1 + number % 12:02}-11T10:00:00"}
    results = tuple(result(family, number, dataset) for dataset in datasets for family in ("ann", "cnn"))
    return Row(**{**named, "profile": "quick", "results": results} | values)


def history(runs, **values):
    return History(reads=4, rows=tuple(row(number, **values) for number in range(runs)))


def rows_of(page):
    return re.findall(r'<th class="text name" scope="row"><a href="([^"]*)"', page)


def test_every_run_leads_to_its_report_the_newest_first():
    """The links are relative: they work in a bucket, in a folder and in the UI."""
    assert rows_of(to_history_page(history(3))) == [f"run-{number}/report.html" for number in (2, 1, 0)]


def test_no_line_ends_before_a_unit_and_a_title_from_right_to_left_stays_where_it_is():
    """As in the report: a name in Hebrew moves no number beside it."""
    title = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
    named = result("cnn", 1).model_copy(update={"title": title})
    page = to_history_page(History(reads=4, rows=(row(1, results=(named,)),)))
    text = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert title in text
    assert title not in text.replace(f"\N{FIRST STRONG ISOLATE}{title}\N{POP DIRECTIONAL ISOLATE}", "")
    assert not re.search(r"\d (?:%|points?|s|min)\b", text)


def test_a_thousand_runs_make_a_page_below_three_megabytes():
    """Of two datasets, all of them are in the tables, the newest unfolded; the figure says what it leaves out."""
    page = to_history_page(history(1_000, datasets=("cifar10", "fashion_mnist")))
    assert len(page.encode()) < 3_000_000
    assert len(rows_of(page)) == 2_000
    assert page.count(f"The figure shows {MOST} of 1,000 runs") == 2
    assert page.count("<summary>980 earlier runs") == 2


@pytest.mark.parametrize(("datasets", "runs"), [(20, 300), (30, 300), (200, 30)])
def test_many_datasets_share_the_room(datasets, runs):
    """Each shows its newest runs and says where all are; where there are many, none has a figure."""
    page = to_history_page(history(runs, datasets=tuple(f"set_{number}" for number in range(datasets))))
    assert len(page.encode()) < 3_000_000
    assert len(rows_of(page)) <= ROWS
    assert f"<code>history.json</code> has all {runs}" in page
    assert page.count("<figure") == (datasets if datasets <= TOGETHER else 0)


def test_runs_of_other_profiles_and_budgets_have_figures_of_their_own():
    """A smoke run beside a full one is no fall of the accuracy."""
    rows = [row(1), row(2, profile="smoke", sample=1_000), row(3, results=(result("cnn", 3, budget=30_000),))]
    page = to_history_page(History(reads=4, rows=tuple(rows)))
    assert page.count("<figure") == 3
    for said in ("Profile quick, 250,000 parameters<", "Profile smoke, 250,000 parameters, a sample of 1,000 images<"):
        assert said in page
    assert "Profile quick, 30,000 parameters<" in page


def cells(page, label):
    """The texts of one column, by the number of the run."""
    rows = re.findall(rf'run-(\d)/report.html.*?data-label="{label}">(.*?)</td>', page)
    return {int(number): re.sub("<[^>]*>", "", text).strip() for number, text in rows}


def test_new_data_and_other_code_are_marked_where_they_change():
    """In the table with the run that had them first, and in the figure below the line."""
    versions = [("a", "x"), ("a", "x"), ("b", "x"), ("b", "y"), ("b", "y")]
    rows = [
        row(
            n,
            data={"cifar10": data},
            code={"train/cifar10/cnn": code, "train/cifar10/ann": "x", "train/mnist/cnn": f"{n}"},
        )
        for n, (data, code) in enumerate(versions)
    ]
    page = to_history_page(History(reads=4, rows=tuple(rows)))
    assert cells(page, "Data") == {0: "a", 1: "a", 2: "b new", 3: "b", 4: "b"}
    assert cells(page, "Code") == {
        0: "\N{EN DASH}",
        1: "as before",
        2: "as before",
        3: "train (CNN) new",
        4: "as before",
    }
    assert "new data" in page
    assert "other code" in page


def test_a_stage_that_a_run_has_not_done_is_no_other_code():
    """Nothing is known of it; when it is done again, it is compared with the last run that did it."""
    whole = {"normalize/cifar10": "n", "train/cifar10/ann": "t", "train/cifar10/cnn": "t"}
    partial = {name: digest for name, digest in whole.items() if name != "train/cifar10/cnn"}
    codes = [whole, partial, whole, partial, whole | {"train/cifar10/cnn": "u"}, {}]
    page = to_history_page(History(reads=4, rows=tuple(row(n, code=code) for n, code in enumerate(codes))))
    found = cells(page, "Code")
    assert [found[number] for number in (1, 2, 3)] == ["as before"] * 3
    assert found[4] == "train (CNN) new"
    assert found[5] == "\N{EN DASH}"


def test_champions_are_marked_where_they_came_from():
    """The present champion and a former one, on the rows of their runs; the figure has a line for each."""
    former = Promoted(dataset="cifar10", budget=250_000, family="ann", run="run-0", number=1)
    present = Promoted(dataset="cifar10", budget=250_000, family="cnn", run="run-2", number=2, present=True)
    page = to_history_page(history(3).model_copy(update={"promoted": (former, present)}))
    rows = re.findall(r'<a href="(run-\d)/report.html">.*?</tr>', page)
    found = {
        row: re.findall(r">((?:was )?champion)<", text) for row, text in zip(rows, page.split("<tr>")[2:], strict=True)
    }
    assert found == {"run-2": ["champion"], "run-1": [], "run-0": ["was champion"]}
    assert "promoted" in page


def test_a_champion_of_another_budget_marks_nothing():
    """A promotion belongs to the series of its dataset and its budget."""
    other = Promoted(dataset="cifar10", budget=30_000, family="cnn", run="run-0", number=1, present=True)
    assert ">champion<" not in to_history_page(history(2).model_copy(update={"promoted": (other,)}))


def test_reports_with_one_fault_share_a_line():
    """A hundred of another release are said to be that once."""
    passed_over = [PassedOver(run=f"run-{n}", mark="m", reason="of another release") for n in range(100)]
    passed_over.append(PassedOver(run="odd", mark="m", reason="no report"))
    page = to_history_page(History(reads=4, passed_over=tuple(passed_over)))
    assert re.findall("<li>(.*)</li>", page) == [
        "run-0, run-1, run-2, run-3, run-4 and 95 more: of another release",
        "odd: no report",
    ]


def test_one_run_and_none_make_a_page_too():
    """There is nothing to compare yet."""
    assert "1 run, from" in to_history_page(history(1))
    assert "No run has a report yet" in to_history_page(History(reads=4))


def test_a_family_that_failed_leaves_a_gap():
    """The other family's line goes on."""
    rows = (row(0), row(1, results=(result("cnn", 1),)), row(2))
    page = to_history_page(History(reads=4, rows=rows))
    assert re.search("run-1/report.html.*?<span>\N{EN DASH}</span>", page)


def test_no_name_becomes_markup():
    """Titles, versions and reasons are text, whatever they hold; other names are refused before."""
    results = (result("cnn", 1).model_copy(update={"title": EVIL}),)
    rows = (row(1, data={"cifar10": EVIL}, results=results),)
    page = to_history_page(History(reads=4, rows=rows, passed_over=(PassedOver(run=EVIL, mark="m", reason=EVIL),)))
    assert "<script" not in page
    with pytest.raises(ValidationError):
        row(1, run="javascript:alert(1)")


@pytest.mark.parametrize("count", [0, 1, MOST, MOST + 1, 1_000])
def test_thinning_keeps_the_ends(count):
    """The first and the last run always stay, the distances are equal, and no point is there twice."""
    kept = thinned(range(count))
    assert len(kept) <= MOST
    assert kept == sorted(set(kept))
    if count:
        assert (kept[0], kept[-1]) == (0, count - 1)


def test_a_conclusion_is_in_the_words_of_the_reports():
    """Who is equal is practically equal here too; the axis has no digits that say nothing."""
    results = (result("ann", 0), result("cnn", 0).model_copy(update={"conclusion": "worse or equal"}))
    page = to_history_page(history(2, results=results))
    assert "CNN worse or practically equal" in page
    assert ">80 %</text>" in page
