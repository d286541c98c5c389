"""Single images are collected once: in order, with their pixels on the disk, and corrupt ones named."""

import threading

import numpy as np
import pytest
from PIL import Image

from tasks.data.collected.collection import CHUNK, collect, content_digest
from tasks.data.collected.likeness import difference_hash
from tasks.data.part import Sample
from tasks.errors import DataError
from tasks.settings.dataset import Canvas
from tests.support.single_images import noise, sample

CANVAS = Canvas(8, 8, "rgb", "crop")


def test_images_come_in_the_order_of_the_samples_whatever_thread_is_first(tmp_path):
    """Threads decode, one of them late; each row has the pixels, digest, hash and words of its own sample."""
    images = noise(3 * CHUNK)
    late, go_on = threading.Event(), threading.Event()

    def slow():
        late.set()
        go_on.wait()
        return images[0]

    def last():
        go_on.set()
        return images[-1]

    middle = [sample(image, label=str(row % 3), group=str(row)) for row, image in enumerate(images)][1:-1]
    samples = [Sample("first", "0", slow), *middle, Sample("last", "2", last, "test")]
    found = collect(samples, CANVAS, tmp_path, lambda line: None)
    assert late.is_set()
    np.testing.assert_array_equal(found.images, images)
    assert found.names == tuple(each.name for each in samples)
    assert found.labels == tuple(each.label for each in samples)
    assert found.groups == tuple(each.group for each in samples)
    assert found.parts == (*[None] * (len(images) - 1), "test")
    assert [bytes(digest) for digest in found.digests] == [content_digest(image) for image in images]
    assert found.hashes.tolist() == [difference_hash(Image.fromarray(image)) for image in images]


def test_a_corrupt_image_is_named_and_left_out(tmp_path):
    """A text file called .jpg costs itself alone."""
    text = Sample("roses/no.jpg", "a", lambda: b"Not an image.")
    found = collect([sample(noise(1)[0]), text, sample(noise(1, seed=1)[0])], CANVAS, tmp_path, lambda line: None)
    assert len(found.images) == 2
    ((name, reason),) = found.corrupt
    assert name == "roses/no.jpg"
    assert "not an image" in reason


def test_images_that_are_all_corrupt_are_refused_with_the_first(tmp_path):
    """Nothing to learn from: the message names a file and why."""
    texts = [Sample(f"{number}.jpg", "a", lambda: b"text") for number in range(3)]
    with pytest.raises(DataError, match=r"received 3 that cannot be decoded: 0\.jpg: not an image"):
        collect(texts, CANVAS, tmp_path, lambda line: None)
    with pytest.raises(DataError, match="expected images, received none"):
        collect([], CANVAS, tmp_path, lambda line: None)


def test_progress_is_told_while_images_are_read(tmp_path, monkeypatch):
    """A person sees how many images were read, and how many of them are corrupt."""
    monkeypatch.setattr("tasks.data.collected.collection.BEAT", 0.0)
    lines = []
    collect([Sample("no", "a", lambda: b""), *map(sample, noise(CHUNK))], CANVAS, tmp_path, lines.append)
    assert lines == [f"image {CHUNK}: 1 corrupt", f"image {CHUNK + 1}: 1 corrupt"]


def test_no_more_samples_are_taken_than_threads_need(tmp_path, monkeypatch):
    """The reader of a large file is not emptied into the memory: it is asked as images are decoded."""
    monkeypatch.setattr("tasks.data.collected.collection.cores", lambda: 1)
    taken, done = [], []

    def samples():
        for number, image in enumerate(noise(20 * CHUNK)):
            taken.append(number)
            yield sample(image)._replace(image=lambda image=image: done.append(len(taken)) or image)

    collect(samples(), CANVAS, tmp_path, lambda line: None)
    assert done[0] <= 7 * CHUNK
    assert len(done) == 20 * CHUNK
