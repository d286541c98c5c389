"""The promises of `tasks.report.strips`: examples of a dataset, small enough for a report."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from tasks.report.strips import LIMIT, LIMIT_OF_A_REPORT, LIMIT_OF_SINGLE, pictures, strips


def _noise(number, shape):
    return np.random.default_rng(0).integers(0, 256, (number, *shape), dtype=np.uint8)


def _opened(strip):
    return Image.open(io.BytesIO(b64decode(strip.jpeg)))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 30, 1), (300, 200, 3), (16, 16, 4)])
def test_a_strip_shows_the_images_of_a_class_side_by_side(shape):
    """Grey, coloured, wide and large images are pictures of 48 pixels at most, in the order of their classes."""
    images = np.zeros((5, *shape), np.uint8)
    images[3:] = 200
    dark, light = strips(images, ["a"] * 3 + ["<b>"] * 2)
    assert (dark.name, dark.count, light.name, light.count) == ("a", 3, "<b>", 2)
    assert max(dark.width, dark.height) <= 48
    assert _opened(dark).size == (3 * dark.width, dark.height)
    assert np.asarray(_opened(dark)).max() < 8
    assert abs(int(np.asarray(_opened(light)).mean()) - 200) < 8


def test_pictures_of_noise_keep_the_limit():
    """The worst images, as many as there may be, take no more than the limit; further ones are left out."""
    names = [f"class {number // 10:02}" for number in range(150)]
    made = strips(_noise(150, (64, 64, 3)), names)
    assert sum(len(strip.jpeg) for strip in made) <= LIMIT
    assert [strip.name for strip in made] == sorted({*names})[:12]
    assert {strip.count for strip in made} == {8}


def test_the_same_images_give_the_same_bytes():
    """Pictures depend on nothing but the images."""
    images = _noise(8, (32, 32, 3))
    assert strips(images, ["a"] * 8) == strips(images, ["a"] * 8)
    assert strips(images[:0], []) == ()


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 30, 1), (300, 200, 3), (16, 16, 4)])
def test_single_images_are_pictures_of_their_own(shape):
    """Each image once, by its index; small ones keep their size, and large ones have 96 pixels at most."""
    images = np.zeros((5, *shape), np.uint8)
    images[3] = 200
    dark, light = pictures(images, [3, 1, 3])
    assert (dark.index, light.index) == (1, 3)
    assert max(light.width, light.height) == min(96, max(shape[:2]))
    assert _opened(light).size == (light.width, light.height)
    assert abs(int(np.asarray(_opened(light)).mean()) - 200) < 8
    assert np.asarray(_opened(dark)).max() < 8


@pytest.mark.parametrize(("number", "datasets"), [(48, 1), (144, 1), (144, 40), (900, 1)])
def test_single_pictures_of_noise_keep_the_limit_as_often_as_they_are_shown(number, datasets):
    """The worst images take no more than the limit of a dataset and of a report; one shown twice counts twice."""
    indices = [*range(number), *range(number // 2)]
    made = pictures(_noise(number, (100, 100, 3)), indices, datasets)
    size = sum(len(picture.jpeg) * indices.count(picture.index) for picture in made)
    assert 0 < size <= min(LIMIT_OF_SINGLE, LIMIT_OF_A_REPORT // datasets)
    assert len(made) == number or number * datasets > 144


def test_pictures_come_from_a_mapped_file_too(tmp_path):
    """A test part that is larger than the memory is read image by image."""
    np.save(tmp_path / "images.npy", _noise(9, (32, 32, 3)))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert pictures(mapped, [2, 7]) == pictures(_noise(9, (32, 32, 3)), [7, 2])
    assert pictures(mapped, []) == ()
