"""Mirror images and shifts of uint8 images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.learning.loops.augmentation import erased, flipped, mirrors, mixed, noise, positions, shifted, whole

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


@given(images, seeds, st.integers(0, 4))
def test_the_original_stays_and_the_result_is_like_it(batch, seed, reach):
    """The same choices give the same array, of the same kind; the input is not written to."""
    before, rng = batch.copy(), np.random.default_rng(seed)
    mirrored, offsets = rng.random(len(batch)) < 0.5, rng.integers(-reach, reach + 1, (len(batch), 2))
    first, again = (shifted(flipped(batch, mirrored), offsets) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert first.shape == batch.shape
    assert np.array_equal(batch, before)


def test_no_shift_changes_nothing():
    """Images that move by no pixel are what they were."""
    batch = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert np.array_equal(shifted(batch, np.zeros((2, 2), np.int8)), batch)


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


@given(images, seeds, st.integers(1, 4))
def test_what_is_erased_is_one_square(batch, seed, side):
    """What changes lies in the square of that side at the image's corner, or nothing does; the original stays."""
    before, rng = batch.copy(), np.random.default_rng(seed)
    corners = np.stack([rng.integers(0, extent - side + 1, len(batch)) for extent in batch.shape[1:3]], axis=1)
    corners[rng.random(len(batch)) < 0.5] = -side
    result = erased(batch, corners, rng.integers(0, 2**32, len(batch), np.uint32), side)
    assert np.array_equal(batch, before)
    for image, other, (top, left) in zip(batch, result, corners, strict=True):
        rows, columns = np.nonzero((image != other).any(axis=2))
        assert ((top <= rows) & (rows < top + side)).all()
        assert ((left <= columns) & (columns < left + side)).all()
        assert top >= 0 or len(rows) == 0


def test_noise_takes_every_value_and_repeats_nowhere():
    """Evenly, by the seed and by the place in the image; each bit is as often set as not, next to any neighbour."""
    drawn = noise(np.arange(500, dtype=np.uint32)[:, None, None, None], positions(8, 8, 3)).astype(int)
    assert drawn.shape == (500, 8, 8, 3)
    assert (np.bincount(drawn.ravel(), minlength=256) / drawn.size * 256).round(1).min() > 0.7
    assert abs(drawn.mean() - 127.5) < 1
    for axis in range(4):
        apart = np.moveaxis(drawn, axis, 0)
        assert abs(np.corrcoef(apart[1:].ravel(), apart[:-1].ravel())[0, 1]) < 0.02
    assert len(np.unique(drawn.reshape(500, -1), axis=0)) == 500


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


@given(images, st.integers(0, 256))
def test_a_network_reads_a_mixture_to_the_nearest_level(batch, level):
    """What it reads is at most half a level from the mixture, and bytes again."""
    pixels, _ = mixed(batch, np.zeros((len(batch), 2)), np.float32(level / 256))
    read = whole(pixels)
    assert read.dtype == np.uint8
    assert (np.abs(read - pixels.astype(np.float64)) <= 0.5).all()
