"""A sample of a part: every class by its share, the same for the same seed, and nothing that was not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.part import Part
from tasks.data.partition import partition
from tasks.data.sampling import sample, sample_sizes, sampled, shares
from tasks.errors import DataError
from tasks.settings.request import enough_examples

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=12)


def part(sizes):
    """Images that are their own row's number, of so many examples a class, shuffled."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.uint8)
    return Part(np.arange(len(labels), dtype=np.uint16).reshape(-1, 1, 1, 1), labels)


@given(sizes=SIZES, seed=st.integers(0, 2**31 - 1), data=st.data())
def test_a_sample_is_a_subset_with_every_class(sizes, seed, data):
    """It has the size that was asked for, its images keep labels and order, and no class is missing."""
    whole = part(sizes)
    examples = data.draw(st.integers(len(sizes), sum(sizes) + 5))
    drawn = sample(whole, examples, seed)
    rows = drawn.images.ravel()
    assert len(rows) == min(examples, sum(sizes))
    assert (np.diff(rows.astype(int)) > 0).all()
    np.testing.assert_array_equal(drawn.labels, whole.labels[rows])
    assert set(drawn.labels) == set(range(len(sizes)))


@given(sizes=SIZES, seed=st.integers(0, 2**31 - 1), data=st.data())
def test_a_seed_draws_the_same_sample(sizes, seed, data):
    """Two samples of one seed are equal."""
    examples = data.draw(st.integers(len(sizes), sum(sizes)))
    first, again = (sample(part(sizes), examples, seed) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)


def test_another_seed_draws_other_images():
    """The seed decides which images of a class are drawn."""
    first, other = (sample(part([50, 50]), 20, seed) for seed in (0, 1))
    assert not np.array_equal(first.images, other.images)


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
        sample(part([5, 5, 5]), 2, 0)


@given(classes=st.integers(2, 30), fraction=st.floats(0.02, 0.5))
def test_a_sample_that_the_request_allows_can_be_cut_in_two(classes, fraction):
    """With as many images as the request asks for, both the training and the validation part have every class."""
    examples = enough_examples(classes, fraction)
    official = {"train": part([examples] * classes), "test": part([3] * classes)}
    used = sampled(official, examples, 0)
    for cut in partition(used["train"], fraction, 0).values():
        assert set(cut.labels) == set(range(classes))
    assert sample_sizes(official, used)["train"] == {"official": examples * classes, "used": examples}
