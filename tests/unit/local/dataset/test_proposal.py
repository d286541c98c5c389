"""What is proposed for images, and the file that says it."""

import tomllib
from collections import Counter

import numpy as np
import pytest

from tasks.local.dataset.proposal import proposal, toml
from tasks.local.dataset.survey import Look
from tasks.settings.dataset import Dataset


def look(sizes, classes=3, is_grey=False):
    labels = Counter({f"class {number}": 10 for number in range(classes)})
    return Look("folder", labels, Counter({None: 30}), Counter({"PNG": 30}), np.array(sizes), is_grey)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(20, 30)] * 3, (20, 30)),  # all of one size
        ([(96, 96)] * 3, (96, 96)),
        ([(97, 97)] * 3, (64, 64)),  # too large to be kept
        ([(20, 30), (30, 20)], (32, 32)),  # the least square
        ([(50, 90), (60, 90), (55, 400)], (48, 48)),  # a multiple of 8, not above the median of the shorter sides
        ([(3000, 4000), (4000, 3000)], (64, 64)),  # the greatest square
    ],
)
def test_the_size_follows_the_images(sizes, expected):
    """One common size stays as it is, up to 96 pixels; images of different sizes become squares of 32 to 64."""
    assert proposal("x", "/photos", look(sizes), None).image_size == expected


@pytest.mark.parametrize(
    ("classes", "budget"), [(2, 125_000), (100, 125_000), (1_000, 1_250_000), (10_000, 12_500_000)]
)
def test_many_classes_get_a_larger_budget(classes, budget):
    """The last layer alone needs some parameters for each class."""
    assert proposal("x", "/photos", look([(32, 32)] * 2, classes), None).budget == budget


@pytest.mark.parametrize(
    ("location", "labels"),
    [
        ("/photos/my flowers", None),
        ("s3://bucket/a prefix/", "fine label"),
        ('/photos/"quoted" \\ back, 花', 'a "column"'),
        ("https://example.org/x.zip?version=2", None),
    ],
)
def test_the_file_says_what_is_proposed(location, labels):
    """Read as TOML, it is the same dataset again: quotes, backslashes and other scripts included."""
    proposed = proposal("my_flowers", location, look([(64, 64)] * 2, is_grey=True), labels)
    text = toml(proposed, ('"; evil = 1', "花", *(f"class {number}" for number in range(8))))
    assert Dataset(name="my_flowers", **tomllib.loads(text)) == proposed
    assert (proposed.title, proposed.color, proposed.augmentation.shift) == ("My flowers", "grey", 2)
    assert "花, class 0, class 1, class 2, class 3 and 4 more." in text
    explained = [line for line in text.splitlines() if "=" in line.partition(" # ")[0] and " # " in line]
    assert {line.index(" # ") for line in explained} == {32}
