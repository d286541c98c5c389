"""Mirror images and shifts of uint8 images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.learning.augmentation import augment, erased, flipped, mirrors, mixed, shifted
from tasks.settings.dataset import Augmentation

images = arrays.arrays(np.uint8, st.tuples(st.integers(0, 6), st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)))
seeds = st.integers(0, 2**32 - 1)
NONE = np.zeros(4_000, bool)


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
    params = Augmentation(flip=flip, shift=shift)
    mirrored = mirrors(len(batch), 1, seed, alternating=False)
    first, again = (augment(batch, params, mirrored, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert first.shape == batch.shape
    assert np.array_equal(batch, before)


def test_images_differ_from_one_another_and_from_epoch_to_epoch():
    """Chance is drawn per image and per call, and every offset in reach occurs."""
    batch = np.zeros((4_000, 9, 9, 1), np.uint8)
    batch[:, 4, 4] = 255
    generator = np.random.default_rng(0)
    first, second = (augment(batch, Augmentation(shift=2), NONE, generator) for _ in range(2))
    assert not np.array_equal(first, second)
    rows, columns = np.divmod(first.reshape(4_000, -1).argmax(axis=1), 9)
    assert set(zip(rows, columns, strict=True)) == {(row, column) for row in range(2, 7) for column in range(2, 7)}


@pytest.mark.parametrize("params", [Augmentation()])
def test_no_wish_changes_nothing(params):
    """Without flip and shift the images are what they were."""
    batch = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert np.array_equal(augment(batch, params, np.ones(2, bool), np.random.default_rng(0)), batch)


@given(st.integers(0, 50), seeds, st.integers(1, 9))
def test_alternating_mirrors_show_every_image_both_ways_in_two_epochs(n, seed, epoch):
    """An image that is mirrored in one epoch is not in the next, and is again in the one after."""
    first, second, third = (mirrors(n, epoch + later, seed, alternating=True) for later in range(3))
    assert np.array_equal(first, ~second)
    assert np.array_equal(first, third)


@pytest.mark.parametrize("alternating", [True, False])
def test_half_of_the_images_are_mirrored(alternating):
    """In any epoch; and which ones is another draw for another seed."""
    for epoch in range(1, 5):
        assert 4_700 < mirrors(10_000, epoch, 0, alternating).sum() < 5_300
    assert not np.array_equal(mirrors(100, 1, 0, alternating), mirrors(100, 1, 1, alternating))


def test_random_mirrors_differ_from_epoch_to_epoch():
    """Chance, not turns."""
    first, second = (mirrors(1_000, epoch, 0, alternating=False) for epoch in (1, 2))
    assert 400 < (first == second).sum() < 600


@given(images, seeds, st.integers(1, 12))
def test_what_is_erased_is_one_square(batch, seed, side):
    """What changes lies in a square of that side, or of the whole image; the original stays."""
    before = batch.copy()
    result = erased(batch, side, np.random.default_rng(seed))
    assert np.array_equal(batch, before)
    for image, other in zip(batch, result, strict=True):
        rows, columns = np.nonzero((image != other).any(axis=2))
        if len(rows):
            assert np.ptp(rows) < side
            assert np.ptp(columns) < side


def test_half_of_the_images_are_erased_anywhere():
    """At random; every pixel's turn comes, and the noise takes every value."""
    batch = np.zeros((2_000, 8, 8, 1), np.uint8)
    result = erased(batch, 3, np.random.default_rng(0))
    changed = (result != batch).any(axis=(1, 2, 3))
    assert 900 < changed.sum() < 1_100
    assert (result != batch).any(axis=0).all()
    assert len(np.unique(result)) == 256


@given(images, st.floats(0, 1))
def test_a_mixture_is_the_same_of_images_and_targets(batch, share):
    """Against the definition in float64; each target still sums to 1."""
    targets = np.eye(3, dtype=np.float32)[np.arange(len(batch)) % 3]
    pixels, labels = mixed(batch, targets, share)
    for n in range(len(batch)):
        other = len(batch) - 1 - n
        expected = share * batch[n].astype(np.float64) + (1 - share) * batch[other].astype(np.float64)
        assert np.allclose(pixels[n], expected, atol=1e-3)
        assert np.allclose(labels[n], share * targets[n] + (1 - share) * targets[other])
    assert np.allclose(labels.sum(axis=1), 1)
