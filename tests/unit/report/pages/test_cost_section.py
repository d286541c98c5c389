"""The promises of the section *Cost*, in the page, the Markdown and the CSV."""

import csv
import io
import re
from dataclasses import replace

import pytest

from tasks.comparison.assembly import compare
from tasks.report.documents import render
from tasks.settings.standards import Standards
from tests.support import synthetic
from tests.unit.report.test_documents import EVIL, Page

COSTS = (
    "cpu_seconds",
    "energy_joules",
    "peak_memory_bytes",
    "gpus",
    "latency_seconds",
    "batch_latency_seconds",
    "flops",
)


def documents(changed=lambda branch: branch, **asked):
    """The documents of a run of one dataset, whose branches are `changed`."""
    request = synthetic.request().model_copy(update=asked)
    branches = [changed(branch) for branch in synthetic.everything(request, examples=200)]
    found = compare(request, branches, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)
    return {name: body.decode() for name, body in render(found).items()}


def with_training(branch, **more):
    return replace(branch, replicates=tuple(replace(r, training={**r.training, **more}) for r in branch.replicates))


def of_an_earlier_release(branch):
    """A branch whose artifacts know nothing of what this release measures."""
    kept = [
        replace(
            each,
            training={name: value for name, value in each.training.items() if name not in COSTS},
            evaluation={name: value for name, value in each.evaluation.items() if name not in COSTS},
        )
        for each in branch.replicates
    ]
    return replace(branch, replicates=tuple(kept))


@pytest.fixture(scope="module")
def usual():
    return documents()


def section(document):
    """The table of costs as text, from the page."""
    return Page(re.search(r"<h3>Cost</h3>.*?</table></div>", document, re.S)[0]).text


def test_the_page_shows_what_each_family_takes(usual):
    """Means with deviations, ratios with intervals, and in words what each measure is."""
    text = section(usual["report.html"])
    for said in (
        "CNN / ANN", "CPU time of all threads", "940.00 MB", "1.31 GB", "507 thousand", "26.4 million",
        "900 µs", "2.4 ms", "an image in a batch of 256", "all trials", "2.7",
    ):  # fmt: skip
        assert said in text, said


def test_energy_and_money_are_shown_where_they_are_known(usual):
    """A machine without a counter and a request without prices have no such rows."""
    assert "Energy" not in section(usual["report.html"])
    assert "Price" not in section(usual["report.html"])
    priced = Standards(price_per_core_hour=36, currency=EVIL)
    text = documents(lambda branch: with_training(branch, energy_joules=38_100.0), standards=priced)["report.html"]
    assert "38.1 kJ" in section(text)
    assert "of the search" in section(text)
    assert EVIL not in text


def test_what_nobody_knows_has_no_row(usual):
    """Models of an earlier release: a row of dashes says nothing, and the verdict speaks of the clock on the wall."""
    made = documents(of_an_earlier_release)
    text = section(made["report.html"])
    assert "time on the clock" in text
    for unknown in ("CPU time of all threads", "the most that a training held", "an image alone", "of one prediction"):
        assert unknown not in text
    assert "CPU time" not in Page(made["report.html"]).text.split("Results")[0]
    assert "training it takes 6.0 times as long" in made["report.md"]


def test_what_one_family_does_not_know_is_a_dash():
    """The other's number is shown, and there is no ratio."""
    made = documents(lambda branch: of_an_earlier_release(branch) if branch.family == "cnn" else branch)
    assert "| Operations, of one prediction | 507 thousand | \N{EN DASH} | \N{EN DASH} |" in made["report.md"]


def test_the_table_is_one_for_everybody(usual):
    """It has a caption, a scope on each head, and a box that a keyboard reaches."""
    table = re.search(
        r'<div class="scroll" tabindex="0"[^>]*aria-label="Cost on.*?</table>', usual["report.html"], re.S
    )[0]
    assert "<caption>" in table
    assert not re.findall(r"<th(?![^>]*scope=)[^>]*>", table.replace("<thead>", ""))


def test_the_markdown_and_the_csv_have_the_same_numbers(usual):
    """The Markdown has the table, and the CSV a column for each number of a training."""
    assert "| Operations, of one prediction | 507 thousand | 26.4 million | 52 |" in usual["report.md"]
    rows = list(csv.DictReader(io.StringIO(usual["report.csv"])))
    assert {row["flops"] for row in rows} == {"506890", "26356854"}
    assert all(float(row["cpu_seconds"]) > 0 and row["energy_joules"] == "" for row in rows)


def test_a_family_without_a_result_has_no_column():
    """What one family takes is shown without the other; no ratio is made up."""

    def failed(branch):
        gap = replace(branch, status="failed", error="no memory", replicates=())
        return gap if branch.family == "cnn" else branch

    text = section(documents(failed)["report.html"])
    assert "ANN" in text
    assert "CNN" not in text
