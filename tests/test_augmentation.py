"""Mirror images and shifts of uint8 images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.augmentation import augment, flipped, shifted
from tasks.request import Augmentation

images = arrays.arrays(np.uint8, st.tuples(st.integers(0, 6), st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)))
seeds = st.integers(0, 2**32 - 1)


@given(images, seeds)
def test_flipping_twice_gives_the_image_back(batch, seed):
    """A mirror image moves pixels and changes none; images that are not chosen stay."""
    chosen = np.random.default_rng(seed).random(len(batch)) < 0.5
    once = flipped(batch, chosen)
    assert np.array_equal(flipped(once, chosen), batch)
    assert np.array_equal(once[~chosen], batch[~chosen])
    assert np.array_equal(once[chosen], np.flip(batch[chosen], axis=2))


@given(images, seeds, st.integers(1, 3))
def test_a_shift_moves_pixels_and_lets_in_black(batch, seed, reach):
    """What remains inside is the original at its new place, all else is 0."""
    offsets = np.random.default_rng(seed).integers(-reach, reach + 1, (len(batch), 2))
    for image, moved, (down, right) in zip(batch, shifted(batch, offsets), offsets, strict=True):
        expected = np.zeros_like(image)
        height, width, _ = image.shape
        for row in range(height):
            for column in range(width):
                if 0 <= row - down < height and 0 <= column - right < width:
                    expected[row, column] = image[row - down, column - right]
        assert np.array_equal(moved, expected)


@given(images, seeds, st.booleans(), st.integers(0, 4))
def test_a_seed_reproduces_and_the_original_stays(batch, seed, flip, shift):
    """The same generator state gives the same array; the input is not written to."""
    before = batch.copy()
    wish = Augmentation(flip=flip, shift=shift)
    first, again = (augment(batch, wish, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert first.shape == batch.shape
    assert np.array_equal(batch, before)


def test_images_differ_from_one_another_and_from_epoch_to_epoch():
    """Chance is drawn per image and per call, and every offset in reach occurs."""
    batch = np.zeros((4_000, 9, 9, 1), np.uint8)
    batch[:, 4, 4] = 255
    generator = np.random.default_rng(0)
    first, second = (augment(batch, Augmentation(shift=2), generator) for _ in range(2))
    assert not np.array_equal(first, second)
    rows, columns = np.divmod(first.reshape(4_000, -1).argmax(axis=1), 9)
    assert set(zip(rows, columns, strict=True)) == {(row, column) for row in range(2, 7) for column in range(2, 7)}


@pytest.mark.parametrize("wish", [Augmentation()])
def test_no_wish_changes_nothing(wish):
    """Without flip and shift the images are what they were."""
    batch = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert np.array_equal(augment(batch, wish, np.random.default_rng(0)), batch)
