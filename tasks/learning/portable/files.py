"""The exported files of a trained network, and how each answers beside it."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import keras
import numpy as np
import onnxruntime

from tasks.learning import network
from tasks.learning.mapped import pieces, row_bytes
from tasks.learning.portable import graph
from tasks.learning.portable.difference import Difference, difference
from tasks.learning.portable.order import KERAS_FILE, ONNX_FILE, Order
from tasks.learning.portable.plain import INPUT, OUTPUT, plain
from tasks.learning.temperature import apply

BATCH = 512  # images
Answers = Callable[[np.ndarray], np.ndarray]  # from images, uint8 [n, h, w, c], to probabilities [n, k]


def write(order: Order) -> dict[str, Difference]:
    """Write the files. The difference of each over all images, which may be larger than the memory, by its name.

    Raises:
        NotPlainError: the network does something that Keras' own layers do not.
    """
    trained = network.load(order.model)
    exported = plain(trained, order.temperature)
    exported.save(order.output / KERAS_FILE)
    graph.write(exported, order.output / ONNX_FILE, order.facts)
    images = np.load(order.images, mmap_mode="r", allow_pickle=False)
    expected = _calibrated(trained, order.temperature)
    answers = {KERAS_FILE: _of_keras(exported), ONNX_FILE: _of_onnx(order.output / ONNX_FILE)}
    found: dict[str, list[Difference]] = {name: [] for name in answers}
    for cut in pieces(len(images), row_bytes(images), BATCH):
        truth = expected(images[cut])
        for name, answer in answers.items():
            found[name].append(difference(truth, answer(images[cut])))
    return {name: reduce(Difference.with_more, parts, Difference()) for name, parts in found.items()}


def _calibrated(trained: keras.Model, temperature: float) -> Answers:
    """What the trained network answers, at `temperature`."""
    return lambda images: apply(network.probabilities(trained, images, BATCH), temperature)


def _of_keras(exported: keras.Model) -> Answers:
    return lambda images: exported.predict(images, batch_size=BATCH, verbose=0)


def _of_onnx(path: Path) -> Answers:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def answers(images: np.ndarray) -> np.ndarray:
        batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
        return np.concatenate([session.run([OUTPUT], {INPUT: batch})[0] for batch in batches])

    return answers
