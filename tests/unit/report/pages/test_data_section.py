"""The promises of the section *The data*, and of the report of many classes."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.data import Pictures, illustrated
from tasks.report.documents import render
from tasks.report.pages.figures.heat_maps import CELLS, binned_shares
from tasks.report.strips import strips
from tests.support import synthetic
from tests.unit.report.test_documents import EVIL, Page

FLOWERS = synthetic.living()


def documents(classes, families=("ann", "cnn"), budgets=()):
    """The documents of a dataset whose data tell that many classes, the first of them under a hostile name."""
    names = (EVIL, *(f"class {number}" for number in range(1, classes)))
    counts = {part: [100 + number for number in range(classes)] for part in ("train", "validation", "test")}
    request = synthetic.request((FLOWERS,), families=families, budgets=budgets)
    branches = [
        synthetic.branch(request, about, family, examples=1000, classes=classes)
        for about in request.comparisons
        for family in families
    ]
    older = [replace(each, trained_in="older") for each in branches[0].replicates[:2]]
    branches[0] = replace(branches[0], replicates=(*older, *branches[0].replicates[2:]))
    facts = synthetic.living_facts(names, counts)
    facts["gate"].append(synthetic.finding(EVIL, 1, 9, 0.5, [EVIL]))
    comparison = compare(request, branches, synthetic.records(request), {"flowers": facts}, synthetic.ENVIRONMENT)
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
    pictures = strips(images, [names[0]] * 8 + [names[1]] * 8)
    made = render(illustrated(comparison, {"flowers": Pictures(pictures)}))
    return {name: body.decode() for name, body in made.items()}


@pytest.fixture(scope="module")
def few():
    return documents(5)


@pytest.fixture(scope="module")
def many():
    return documents(30)


def test_the_page_shows_the_data(few):
    """Version, changes with the first files, counts, pictures with a text for who cannot see them, the gate."""
    page = Page(few["report.html"])
    assert "The data" in page.text
    assert "Version 2b2b2b2b. Since version 1a1a1a1a 100 images were added and 1 image was removed" in page.text
    assert "added since the version before" in page.text
    assert "10 times as many" in page.text
    assert "roses/new-1.jpg, roses/new-2.jpg" in page.text
    assert "corrupt images" in page.text
    assert "3 of 620, 0.5 %" in page.text
    assert "133 for one" in page.text
    pictures = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [each["alt"] for each in pictures] == [f"8 images of “{EVIL}”", "8 images of “class 1”"]
    assert all(re.fullmatch("data:image/jpeg;base64,[A-Za-z0-9+/=]+", each["src"]) for each in pictures)


def test_hostile_names_of_files_and_classes_stay_text(few, many):
    """A name full of markup does nothing in the page, and makes no cell, link or element in Markdown."""
    for made in (few, many):
        page = Page(made["report.html"])
        assert "script" not in {tag for tag, _ in page.elements}
        assert page.text.count(EVIL) > 5
        assert not re.search(r"(?<!\\)[<>]", made["report.md"].replace("|---", ""))
        for table in re.findall(r"(?:^\|.*\n)+", made["report.md"], flags=re.M):
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_the_data_of_several_budgets_are_shown_once():
    """A run over several budgets has one section on the data of each dataset."""
    made = documents(5, budgets=(5_000, 250_000))
    assert made["report.html"].count("<h3>The data</h3>") == 1
    assert made["report.html"].count("<img ") == 2


def test_every_view_has_the_scores_for_unequal_classes(few, many):
    """Balanced accuracy stands beside accuracy and F1 in every view, and top-5 accuracy where classes are many."""
    rows = list(csv.DictReader(io.StringIO(many["report.csv"])))
    assert all(0 < float(row["balanced_accuracy"]) < float(row["top5_accuracy"]) <= 1 for row in rows)
    assert {(row["data_version"], row["classes"]) for row in rows} == {(synthetic.VERSIONS[1], "30")}
    assert {row["top5_accuracy"] for row in csv.DictReader(io.StringIO(few["report.csv"]))} == {""}
    for name, header in (("report.html", '<th scope="col">Top 5</th>'), ("report.md", "| Balanced | F1 | Top 5 |")):
        assert header in many[name]
        assert "Top 5" not in few[name]
        assert "Balanced" in few[name]


def test_new_seeds_are_named_beside_the_models(few):
    """The page and the Markdown say which seeds an earlier run trained; the table names the run of every seed."""
    assert "seeds 0 and 1 from earlier runs, 2 new" in Page(few["report.html"]).text
    assert "Flowers, ANN: seeds 0 and 1 from earlier runs, 2 new." in few["report.md"]
    trained = [row["trained_in"] for row in csv.DictReader(io.StringIO(few["report.csv"]))]
    assert trained == ["older", "older", *["quick-1"] * 4]


def test_many_classes_have_a_heat_map_in_place_of_numbers(few, many):
    """Up to 25 classes there is the table of shares; above, a picture for each model and the most confused pairs."""
    assert few["report.html"].count('class="confusion"') == 2
    assert 'class="confusion"' not in many["report.html"]
    assert many["report.html"].count('aria-label="Confusion of ') == 2
    assert many["report.html"].count("data:image/png;base64,") == 2
    assert "All 30 classes" in Page(many["report.html"]).text


@pytest.mark.parametrize("classes", [100, 1_000])
def test_a_page_of_many_classes_stays_small(classes):
    """1,000 classes make a page below 2 MB."""
    assert len(documents(classes)["report.html"].encode()) < 2_000_000


@pytest.mark.parametrize(("classes", "bins"), [(30, 30), (200, 200), (1_000, CELLS), (10_000, CELLS)])
def test_a_heat_map_has_every_example(classes, bins):
    """Every row is shares of a true class, or of several neighbours; what is right is on the diagonal."""
    request = synthetic.request((FLOWERS,), replicates=1)
    facts = synthetic.living_facts(tuple(map(str, range(classes))), {})
    branch = synthetic.branch(request, FLOWERS, "cnn", examples=500, accuracy=1.0, classes=classes)
    comparison = compare(request, [branch], [], {"flowers": facts}, synthetic.ENVIRONMENT)
    shares = binned_shares(comparison.datasets[0].models[1], classes)
    assert shares.shape == (bins, bins)
    assert set(shares.sum(axis=1).round(9)) <= {0.0, 1.0}
    assert shares.trace() == pytest.approx(shares.sum())
