"""From files to answers: in batches, in order, as they are asked for."""

import io
from itertools import count, islice

import numpy as np
import pytest
from PIL import Image

from tasks.data.images import picture, pixels
from tasks.registry.prediction import answers as module
from tasks.registry.prediction.answers import Answer, answers
from tasks.registry.prediction.file import Asked, unreadable
from tasks.registry.trained import Task
from tasks.settings.dataset import Canvas

CANVAS = Canvas(2, 2, "grey", "crop")
TASK = Task(("a", "b", "c", "d"), CANVAS)


def png(value, size=(2, 2)):
    """A grey image of one value."""
    stream = io.BytesIO()
    Image.new("L", size, value).save(stream, "PNG")
    return stream.getvalue()


def image(value):
    return Asked(f"{value}.png", lambda: png(value))


class Engine:
    """The class is the image's value: 0.4 for it, and 0.3, 0.2, 0.1 for the next ones. `batches` are their sizes."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == CANVAS.shape
        self.batches.append(len(images))
        return np.array([np.roll([0.4, 0.3, 0.2, 0.1], image[0, 0, 0]) for image in images])


def flat(found):
    return [answer for batch in found for answer in batch]


def test_an_answer_has_the_three_most_probable_classes():
    """With their probabilities, the most probable one first."""
    (answer,) = flat(answers([image(2)], TASK, Engine(), 8))
    assert answer == Answer("2.png", "c", 0.4, "d", 0.3, "a", 0.2, None)


def test_of_equals_the_first_class_is_first():
    """As argmax decides in `evaluate`."""
    (answer,) = flat(answers([image(0)], TASK, lambda images: np.full((1, 4), 0.25), 8))
    assert (answer.label, answer.second, answer.third) == ("a", "b", "c")


def test_of_two_classes_there_is_no_third():
    """It and its probability are null."""
    task = Task(("a", "b"), CANVAS)
    (answer,) = flat(answers([image(0)], task, lambda images: np.array([[0.1, 0.9]]), 8))
    assert answer == Answer("0.png", "b", 0.9, "a", 0.1, None, None, None)


def test_what_is_no_image_has_a_reason_and_keeps_its_place():
    """The others are answered, in the order of the files, and their batches are as large as without it."""
    engine, broken = Engine(), Asked("text", lambda: b"text")
    files = [image(0), broken, image(1), unreadable("none", "no file"), image(2), image(3), image(1), broken]
    found = flat(answers(files, TASK, engine, 2))
    assert [answer.name for answer in found] == [file.name for file in files]
    assert [answer.label for answer in found] == ["a", None, "b", None, "c", "d", "b", None]
    assert [answer.error for answer in found if answer.error] == [
        "not an image in PNG, JPEG, WebP, BMP, TIFF or GIF",
        "no file",
        "not an image in PNG, JPEG, WebP, BMP, TIFF or GIF",
    ]
    assert engine.batches == [2, 2, 1]


def test_without_an_image_no_model_is_asked():
    """Only reasons are there."""
    engine = Engine()
    assert [answer.error for answer in flat(answers([unreadable("a", "why")], TASK, engine, 2))] == ["why"]
    assert engine.batches == []


def test_no_more_than_a_batch_is_read_ahead():
    """Of files without an end, answers come as soon as a batch is read, and nothing is kept of those before."""
    read = []

    def endless():
        for number in count():
            yield Asked(str(number), lambda number=number: read.append(number) or png(number % 4))

    engine = Engine()
    stream = answers(endless(), TASK, engine, 3)
    for batches in (1, 2, 3):
        assert len(next(stream)) == 3
        assert len(read) == 3 * batches
        assert engine.batches == [3] * batches


def test_files_that_cannot_be_read_wait_only_so_long(monkeypatch):
    """Without an end of them, and with one image before them, answers come too."""
    monkeypatch.setattr(module, "MOST_WAITING", 5)

    def endless():
        yield image(1)
        while True:
            yield unreadable("x", "why")

    first, second = islice(answers(endless(), TASK, Engine(), 2), 2)
    assert [answer.label for answer in first] == ["b", None, None, None, None]
    assert len(second) == 5


@pytest.mark.parametrize("size", [(2, 2), (7, 3)])
def test_an_image_is_brought_to_the_canvas_by_the_code_of_the_training(size):
    """Its pixels are those of `tasks.data.images`, whatever its size is."""
    seen, body = [], png(77, size)
    engine = Engine()
    flat(answers([Asked("a", lambda: body)], TASK, lambda images: seen.append(images) or engine(images % 4), 1))
    assert np.array_equal(seen[0][0], pixels(picture(body, CANVAS)))


def test_a_name_that_is_no_text_becomes_one():
    """What no file of answers could hold stands as an escape."""
    (answer,) = flat(answers([unreadable("a\udcff.png", "why")], TASK, Engine(), 1))
    assert answer.name == "a\\xff.png"
