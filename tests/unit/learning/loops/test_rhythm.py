"""The rhythm of an epoch, for few images and for many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning.loops.rhythm import SMALLEST, rhythm
from tasks.settings.training import Training


def training(batch_size: int, least_steps: int = 0) -> Training:
    return Training(replicates=1, epochs=1, batch_size=batch_size, least_steps=least_steps)


@given(st.integers(1, 100_000), st.integers(1, 1_000), st.integers(0, 500))
def test_an_epoch_has_its_least_steps_of_whole_batches(images, batch_size, least):
    """However few the images are, an epoch has at least the steps that are asked for, each of one size."""
    found = rhythm(images, training(batch_size, least))
    assert found.steps >= max(1, least)
    assert found.steps == found.showings * (images // found.batch)
    assert 1 <= found.batch <= min(images, batch_size)


@given(st.integers(1, 1_000), st.integers(1, 500), st.integers(1, 100))
def test_many_images_are_trained_as_if_nothing_were_asked_for(batch_size, least, more):
    """Where the images fill so many batches anyway, neither the batch nor the number of showings changes."""
    images = batch_size * least * more
    assert rhythm(images, training(batch_size, least)) == rhythm(images, training(batch_size))
    assert rhythm(images, training(batch_size)).showings == 1


@pytest.mark.parametrize(
    ("images", "least", "expected"), [(413, 100, (32, 9, 108)), (40, 100, (32, 100, 100)), (413, 0, (128, 1, 3))]
)
def test_some_hundred_images_come_in_small_batches_several_times(images, least, expected):
    """413 images at batches of 128 would be three steps; a hundred are made of batches of 32."""
    found = rhythm(images, training(128, least))
    assert tuple(found) == expected
    assert found.batch >= min(SMALLEST, images)
