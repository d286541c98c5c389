"""A split of a replicate's own: the same images in other parts, by its number alone, class by class."""

import numpy as np
import pytest

from tasks.learning import mapped
from tasks.learning.resplit import Joined, resplit


def parts(train=160, validation=40, classes=4):
    """Two parts whose every image is told by its pixels; the last class has one image, in the training part."""
    images = np.arange(4 * (train + validation), dtype=np.uint16).view(np.uint8).reshape(-1, 2, 2, 2)
    labels = (np.arange(train + validation) % classes).astype(np.uint16)
    labels[0] = classes
    return (images[:train], labels[:train]), (images[train:], labels[train:])


def contents(part):
    """The images of a part, each with its label."""
    images, labels = part
    pairs = zip(images[: len(labels)], labels, strict=True)
    return {(image.tobytes(), int(label)) for image, label in pairs}


def test_a_split_has_the_same_images_in_parts_of_the_same_sizes():
    """Nothing is lost, twice, or under another label; each class has as many images in each part as before."""
    given = parts()
    made = resplit(*given, split=3)
    assert contents(made[0]) | contents(made[1]) == contents(given[0]) | contents(given[1])
    assert not contents(made[0]) & contents(made[1])
    for before, after in zip(given, made, strict=True):
        assert np.bincount(after[1], minlength=5).tolist() == np.bincount(before[1], minlength=5).tolist()
        assert after[0].dtype == np.uint8


def test_the_number_alone_tells_the_split():
    """The same number gives the same parts, another one others; none is the one that was given."""
    given = parts()
    once, again, other = (resplit(*given, split=split) for split in (0, 0, 1))
    assert contents(once[1]) == contents(again[1])
    assert contents(once[1]) != contents(other[1])
    assert contents(once[1]) != contents(given[1])


def test_every_image_comes_into_the_validation_part_now_and_then():
    """Over many splits each image of a class is drawn about as often as the others."""
    given = parts()
    drawn = [pair for split in range(200) for pair in contents(resplit(*given, split=split)[1])]
    numbers = [drawn.count(pair) for pair in contents(given[0]) | contents(given[1]) if pair[1] < 4]
    assert 15 < min(numbers) <= max(numbers) < 75  # 40 expected, with a deviation below 6


@pytest.mark.parametrize("piece", [8, 2**28])
def test_images_larger_than_the_memory_are_read_when_they_are_asked_for(monkeypatch, tmp_path, piece):
    """Mapped from two files, the parts read as arrays do."""
    given = parts()
    expected = [contents(part) for part in resplit(*given, split=5)]
    monkeypatch.setattr(mapped, "PIECE", piece)
    opened = []
    for number, (images, labels) in enumerate(given):
        np.save(tmp_path / f"{number}.npy", images)
        opened.append((np.load(tmp_path / f"{number}.npy", mmap_mode="r"), labels))
    made = resplit(*opened, split=5)
    assert [isinstance(part[0], mapped.Rows) for part in made] == [piece == 8] * 2
    assert [contents(part) for part in made] == expected


def test_joined_parts_read_like_one_array():
    """Slices and places on either side, and across."""
    (first, _), (second, _) = parts()
    joined, whole = Joined(first, second), np.concatenate([first, second])
    assert len(joined) == len(whole)
    for places in (slice(None), slice(150, 170), slice(0, 200, 7), np.array([199, 0, 160, 159, 5])):
        np.testing.assert_array_equal(joined[places], whole[places])
