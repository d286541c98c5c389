"""What looks the same has the same hash, or nearly so; near hashes are found without comparing all with all."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.data.collected.likeness import NEAR, difference_hash, distances, near
from tests.support.photographs import photograph
from tests.support.single_images import noise

HASH = st.integers(0, 2**64 - 1)


def test_each_bit_says_whether_a_pixel_is_brighter_than_its_right_neighbour():
    """On 9 x 8 pixels nothing is scaled, so that the bits can be read off."""
    row = np.array([9, 5, 5, 7, 3, 3, 3, 8, 1], np.uint8)
    picture = Image.fromarray(np.repeat(row[None], 8, axis=0))
    assert difference_hash(picture) == int("10010001" * 8, 2)
    assert difference_hash(Image.new("RGB", (9, 8))) == 0


@given(base=st.lists(HASH, min_size=1, max_size=30), flips=st.lists(st.sets(st.integers(0, 63), max_size=3)))
@settings(max_examples=200)
def test_all_near_pairs_are_found_and_no_other(base, flips):
    """The pairs are those of a comparison of all with all."""
    close = [value ^ sum(1 << bit for bit in bits) for value, bits in zip(base, flips, strict=False)]
    hashes = np.array(sorted({*base, *close}), np.uint64)
    expected = {
        (one, other)
        for one in range(len(hashes))
        for other in range(one + 1, len(hashes))
        if (int(hashes[one]) ^ int(hashes[other])).bit_count() <= NEAR
    }
    assert {tuple(pair) for pair in near(hashes).tolist()} == expected


def test_a_photograph_saved_again_is_near_and_another_is_not():
    """A JPEG of it differs in few bits and little in its pixels; other photographs of the class do not."""
    pictures = [photograph(0, number).convert("RGB").resize((256, 256)) for number in range(20)]
    saved = [_saved_again(picture) for picture in pictures]
    images = np.stack([np.asarray(picture.resize((64, 64))) for picture in (*pictures, *saved)])
    hashes = np.array([difference_hash(Image.fromarray(image)) for image in images], np.uint64)
    bits = np.bitwise_count(hashes[:20] ^ hashes[20:])
    assert (bits <= NEAR).mean() >= 0.9
    for row in range(20):
        differences = distances(images, np.arange(20, 40), row)
        assert differences.argmin() == row
        assert differences[row] < 6 < np.delete(differences, row).min()


def _saved_again(picture):
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return Image.open(stream)


def test_distances_are_mean_differences_of_pixels(monkeypatch):
    """In 0 to 255, over height, width and channels, however many are compared at a time."""
    monkeypatch.setattr("tasks.data.collected.likeness.PIECE", 3)
    images = noise(8)
    expected = [np.abs(images[row].astype(float) - images[2]).mean() for row in range(8)]
    np.testing.assert_allclose(distances(images, np.arange(8), 2), expected)
    assert len(distances(images, np.arange(0), 2)) == 0
