"""From files to answers: images are read one after the other, and a batch of them is predicted together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.images import CorruptImageError, picture, pixels
from tasks.registry.prediction.file import Asked, UnreadableError
from tasks.registry.trained import Task
from tasks.settings.dataset import Canvas

MOST_WAITING = 2**16  # files that wait for a batch to be full, nearly all of which cannot be read
NAMED = 3  # classes of an answer
# Images, uint8 [n, h, w, c], to probabilities of the classes, [n, classes].
Engine = Callable[[NDArray[np.uint8]], NDArray[np.floating]]


class Answer(NamedTuple):
    """What a model says of one file: the three most probable classes, or why there is no answer.

    Each is null where there is an error, and the third one of two classes too. `name` is text that can be written as
    UTF-8: what is not so in the name of a file stands as `\\xff`.
    """

    name: str
    label: str | None = None
    probability: float | None = None
    second: str | None = None
    second_probability: float | None = None
    third: str | None = None
    third_probability: float | None = None
    error: str | None = None


def answers(files: Iterable[Asked], task: Task, engine: Engine, batch: int) -> Iterator[list[Answer]]:
    """Answers in the order of `files`, as soon as a batch of images is there; no more than a batch is in the memory.

    A file that is no image takes no place in a batch. So the same images make the same batches with it as without it.
    """
    waiting: list[tuple[str, str | None]] = []
    images: list[NDArray[np.uint8]] = []
    for file in files:
        image, error = _looked_at(file, task.canvas)
        waiting.append((_text(file.name), error))
        images += [] if image is None else [image]
        if len(images) == batch or len(waiting) == MOST_WAITING:
            yield _answered(waiting, images, task.classes, engine)
            waiting, images = [], []
    if waiting:
        yield _answered(waiting, images, task.classes, engine)


def _looked_at(file: Asked, canvas: Canvas) -> tuple[NDArray[np.uint8] | None, str | None]:
    """The pixels of an image as a model gets them, or why there are none."""
    try:
        return pixels(picture(file.read(), canvas)), None
    except (UnreadableError, CorruptImageError) as error:
        return None, str(error)


def _answered(
    waiting: Sequence[tuple[str, str | None]],
    images: Sequence[NDArray[np.uint8]],
    classes: Sequence[str],
    engine: Engine,
) -> list[Answer]:
    rows = iter(engine(np.stack(images)) if images else ())
    return [Answer(name, error=error) if error else _answer(name, next(rows), classes) for name, error in waiting]


def _answer(name: str, probabilities: NDArray[np.floating], classes: Sequence[str]) -> Answer:
    """The most probable classes of one image; of equals the first one, as `evaluate` decides."""
    order = np.argsort(-probabilities, kind="stable")[:NAMED]
    found = [value for place in order for value in (classes[place], float(probabilities[place]))]
    return Answer._make([name, *found, *[None] * (2 * NAMED - len(found)), None])


def _text(name: str) -> str:
    """The name of a file, whose bytes need be no UTF-8, as text that is."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
