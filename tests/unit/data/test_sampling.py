"""A sample of a part: every class by its share, the same for the same seed, and nothing that was not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.part import Part
from tasks.data.partition import partition
from tasks.data.sampling import examples, sample, sample_sizes, sampled, sampled_parts, shares
from tasks.data.selection import whole
from tasks.errors import DataError
from tasks.settings.request import enough_examples

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=12)


def labels_of(sizes):
    """Labels of so many images a class, shuffled."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.uint16)


def part(sizes):
    labels = labels_of(sizes)
    return whole(Part(np.zeros((len(labels), 1, 1, 1), np.uint8), labels))


@given(sizes=SIZES, seed=st.integers(0, 2**31 - 1), data=st.data())
def test_a_sample_is_a_subset_with_every_class(sizes, seed, data):
    """It has the size that was asked for, its rows are in order, and no class is missing."""
    labels = labels_of(sizes)
    wanted = data.draw(st.integers(len(sizes), sum(sizes) + 5))
    rows = sample(labels, wanted, seed)
    assert len(rows) == min(wanted, sum(sizes))
    assert (np.diff(rows) > 0).all()
    assert set(labels[rows]) == set(range(len(sizes)))


@given(sizes=SIZES, seed=st.integers(0, 2**31 - 1), data=st.data())
def test_a_seed_draws_the_same_sample(sizes, seed, data):
    """Two samples of one seed are equal."""
    wanted = data.draw(st.integers(len(sizes), sum(sizes)))
    first, again = (sample(labels_of(sizes), wanted, seed) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_another_seed_draws_other_images():
    """The seed decides which images of a class are drawn."""
    first, other = (sample(labels_of([50, 50]), 20, seed) for seed in (0, 1))
    assert not np.array_equal(first, other)


@given(sizes=SIZES, least=st.integers(1, 3), data=st.data())
def test_shares_are_proportions_within_one_image(sizes, least, data):
    """Each class gets its exact share, rounded up or down; one whose share is smaller gets the least number."""
    floor = np.minimum(least, sizes)
    examples = data.draw(st.integers(int(floor.sum()), sum(sizes)))
    counts, exact = shares(np.array(sizes), examples, least), examples * np.array(sizes) / sum(sizes)
    assert counts.sum() == examples
    assert (counts <= sizes).all()
    assert (counts >= floor).all()
    if (exact >= floor).all():
        assert (np.abs(counts - exact) < 1).all()


def test_too_few_examples_are_refused_with_what_would_do():
    """Fewer images than classes cannot show every class: the message names the smallest number that can."""
    with pytest.raises(DataError, match=r"at least 3 images, 1 of each of 3 classes, .* = 2; raise"):
        sample(labels_of([5, 5, 5]), 2, 0)


@given(classes=st.integers(2, 30), fraction=st.floats(0.02, 0.5))
def test_a_sample_that_the_request_allows_can_be_cut_in_two(classes, fraction):
    """With as many images as the request asks for, both the training and the validation part have every class."""
    wanted = enough_examples(classes, fraction)
    official = {"train": part([wanted] * classes), "test": part([3] * classes)}
    used = sampled(official, wanted, 0)
    for cut in partition(used["train"], fraction, 0).values():
        assert set(cut.labels) == set(range(classes))
    assert sample_sizes(official, used)["train"] == {"official": wanted * classes, "used": wanted}


def test_parts_that_are_there_already_share_the_sample():
    """The training and validation part together have as many images as asked for, by their sizes; so has the test."""
    parts = {"train": part([80, 10]), "validation": part([8, 2]), "test": part([30, 30])}
    used = sampled_parts(parts, 50, 0)
    assert {name: len(each.rows) for name, each in used.items()} == {"train": 45, "validation": 5, "test": 50}
    whole_parts = sampled_parts(parts, 1000, 0)
    assert all(np.array_equal(whole_parts[name].rows, each.rows) for name, each in parts.items())
    with pytest.raises(DataError, match=r"at least 4 images, 1 of each of 2 classes, received examples = 3"):
        sampled_parts(parts, 3, 0)


def test_people_are_shown_a_few_images_of_a_few_classes():
    """The first eight of each of the first twelve classes, by class; fewer where there are no more."""
    train = part([3, *[20] * 15])
    shown = examples(train)
    assert np.bincount(shown.labels).tolist() == [3, *[8] * 11]
    first = np.flatnonzero(train.labels == 1)[:8]
    np.testing.assert_array_equal(shown.rows[3:11], first)
