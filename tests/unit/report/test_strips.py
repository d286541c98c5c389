"""The promises of `tasks.report.strips`: examples of a dataset, small enough for a report."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from tasks.comparison.assembly import compare
from tasks.report.pages.html import to_html
from tasks.report.strips import PAGE, Limits, limits, pictures, strips
from tests.support import synthetic


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


@pytest.mark.parametrize(("limit", "number"), [(Limits().strips, 12), (60_000, 12), (9_000, 10), (0, 0)])
def test_pictures_of_noise_keep_the_limit(limit, number):
    """The worst images, as many as there may be, take no more than the limit; further ones are left out."""
    names = [f"class {number // 10:02}" for number in range(150)]
    made = strips(_noise(150, (64, 64, 3)), names, limit)
    assert sum(len(strip.jpeg) for strip in made) <= limit
    assert [strip.name for strip in made] == sorted({*names})[:number]
    assert {strip.count for strip in made} <= {8}


@pytest.mark.parametrize("shape", [(400, 2, 3), (1, 784, 1), (64, 8, 3), (1, 1, 1)])
def test_very_narrow_images_can_be_seen(shape):
    """No side of a picture is shorter than an eighth of the other; a strip is drawn 48 pixels high or wide an image."""
    images = np.full((4, *shape), 200, np.uint8)
    (strip,), (picture,) = strips(images, ["a"] * 4), pictures(images, [0])
    for drawn in (strip, picture):
        assert max(drawn.width, drawn.height) <= 8 * min(drawn.width, drawn.height)
    made = _compared(1, 2)
    data = tuple(each.model_copy(update={"examples": (strip,)}) for each in made.data)
    page = to_html(made.model_copy(update={"data": data}))
    width, height = map(int, re.search(r'alt="4 images of “a”" width="(\d+)" height="(\d+)"', page).groups())
    assert max(width / 4, height) == 48


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


@pytest.mark.parametrize(("number", "limit"), [(48, 300_000), (144, 300_000), (144, 30_000), (900, 300_000)])
def test_single_pictures_of_noise_keep_the_limit_as_often_as_they_are_shown(number, limit):
    """The worst images take no more than the limit; one shown twice counts twice."""
    indices = [*range(number), *range(number // 2)]
    made = pictures(_noise(number, (100, 100, 3)), indices, limit)
    size = sum(len(picture.jpeg) * indices.count(picture.index) for picture in made)
    assert 0 < size <= limit
    assert len(made) == number or number > 144 or limit < 300_000


def test_pictures_come_from_a_mapped_file_too(tmp_path):
    """A test part that is larger than the memory is read image by image."""
    np.save(tmp_path / "images.npy", _noise(9, (32, 32, 3)))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert pictures(mapped, [2, 7]) == pictures(_noise(9, (32, 32, 3)), [7, 2])
    assert pictures(mapped, []) == ()


def _compared(datasets, classes, families=("ann", "cnn"), budgets=()):
    names = tuple(f"class {number}" for number in range(classes))
    about = tuple(synthetic.dataset(f"d{number}", classes=names) for number in range(datasets))
    request = synthetic.request(about, families, 2, budgets)
    branches = synthetic.everything(request, examples=max(100, 4 * classes))
    facts, records = synthetic.facts(request), synthetic.records(request)
    return compare(request, branches, records, facts, synthetic.ENVIRONMENT)


@pytest.mark.parametrize(
    "asked",
    [(3, 2), (3, 25), (2, 26), (1, 1000), (2, 10, ("ann", "cnn", "mixer")), (1, 10, ("ann", "cnn"), (8_000, 32_000))],
)
def test_a_page_with_all_the_pictures_that_it_has_room_for_stays_below_3_mb(asked):
    """What the pictures leave to the text is enough, whatever the numbers of classes, families and budgets."""
    made = _compared(*asked)
    page = len(to_html(made).encode())
    as_often = PAGE // page  # that fills a page
    full = made.model_copy(update={name: getattr(made, name) * as_often for name in ("datasets", "data", "frontiers")})
    for each, text in ((made, page), (full, as_often * page)):
        pictures_of_all = len(each.data) * sum(limits(each))
        assert text + pictures_of_all < 3_000_000


def test_few_datasets_have_all_the_room_for_their_pictures_and_many_share_it():
    """Two datasets at eight budgets, or five at one, are not cut short; thirty have pictures, but small ones."""
    one = _compared(1, 10)
    several = [
        one.model_copy(update={"data": one.data * datasets, "datasets": one.datasets * parts})
        for datasets, parts in ((1, 1), (5, 5), (2, 16), (30, 30))
    ]
    rooms = [limits(each) for each in several]
    assert rooms[:3] == [Limits()] * 3
    assert 0 < sum(rooms[3]) < 20_000
