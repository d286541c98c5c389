"""The promises of the figures and tables where there is a lot to show: many families, many classes, long names."""

import re

import pytest

from tasks.comparison.assembly import compare
from tasks.report.pages.figures.looks import key, look
from tasks.report.pages.html import to_html
from tests.support import synthetic
from tests.unit.report.test_documents import Page

LONG = tuple(f"a_rather_long_class_name_with_an_equal_beginning_{number:03}" for number in range(100))
FAMILIES = ("ann", "cnn", "mixer", "a_family", "wide_residual_network", "vit")


def page(classes=synthetic.CLASSES, families=("ann", "cnn"), title="CIFAR-10"):
    """The page of a run of one dataset."""
    request = synthetic.request((synthetic.dataset(title=title, classes=classes),), families=families)
    branches = [synthetic.branch(request, request.datasets[0], family, accuracy=0.6) for family in families]
    return to_html(compare(request, branches, [], {}, synthetic.ENVIRONMENT))


def figure(text, name):
    """The texts of one figure."""
    drawn = re.search(rf'<svg role="img" aria-label="[^"]*{name}.*?</svg>', text, flags=re.S)
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawn[0])


def test_no_two_families_look_alike():
    """Colour and marker differ among 88 families, colour, marker and dash among 440; so do the keys in the table."""
    looks = [look(number) for number in range(440)]
    assert len({(each.colour, each.marker, str(each.dash)) for each in looks}) == 440
    assert len({(each.colour, each.marker) for each in looks[:88]}) == 88
    assert len({each.colour for each in looks[:8]}) == len({each.marker for each in looks[:8]}) == 8
    assert len({key(number) for number in range(88)}) == 88


def test_every_colour_of_a_family_is_one_of_the_page():
    """The page defines each colour that a family can have, for the light and for the dark look."""
    text = page()
    for number in range(8):
        assert text.count(f"--family-{number}: #") == 2


def test_six_families_have_six_keys_and_six_names():
    """Every family has a key of its own in the results, and its name in every legend."""
    text = page(families=FAMILIES)
    assert len(set(re.findall(r'<svg class="key".*?</svg>', text))) == 6
    for name in ("Validation accuracy by", "F1 by class"):
        assert {"ANN", "CNN", "mixer", "a_family", "VIT"} <= set(figure(text, name))


def test_a_family_needs_no_wrong_article():
    """A family that is called by a whole name has no article before it: it is never `the a family`."""
    said = Page(page(families=FAMILIES)).text
    assert "whether a_family or the ANN" in said or "a_family is" in said
    assert not re.search(r"[Tt]he a[_ ]family", said)


@pytest.fixture(scope="module")
def hundred():
    return page(classes=LONG)


def test_a_hundred_long_names_are_told_apart(hundred):
    """A figure of many classes shows those with the lowest F1, each under a label of its own."""
    shown = [text for text in figure(hundred, "classes of lowest F1") if "\N{HORIZONTAL ELLIPSIS}" in text]
    assert len(shown) == len(set(shown)) == 20


def test_every_class_has_its_scores(hundred):
    """Every class and family has recall, precision, F1 and test examples: the highest ten at once, all folded."""
    table = re.search(r"<details><summary>All 100 classes</summary>.*?</details>", hundred, flags=re.S)[0]
    assert all(table.count(name) == 1 for name in LONG)
    scores = [float(cells[-1]) for cells in re.findall(r"<td>([\d.]+)\s%</td>" * 3, table)]
    means = [sum(scores[place : place + 2]) for place in range(0, 200, 2)]
    assert len(scores) == 200
    assert means == pytest.approx(sorted(means), abs=0.2)
    before = hundred.split("<details><summary>All 100 classes")[0]
    assert before.count('scope="rowgroup" rowspan="2"') == 10


def test_few_classes_need_no_folded_table():
    """Five classes at most are one table."""
    assert "<summary>All" not in page(classes=synthetic.CLASSES[:5])
