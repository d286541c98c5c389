"""A named model made ready to use: its weights, its classes, what its images are brought to, and its temperature."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tasks.data.arrays import FACTS
from tasks.errors import DataError
from tasks.registry.champions.documents import NamedModel
from tasks.settings.dataset import CHANNELS, Canvas, Color, Shape
from tasks.storage.artifacts import Manifest, find, materialized, read_file
from tasks.storage.contract import Store

MODEL_FILES = ("model.json", "model.weights.h5")
METRICS = "metrics.json"
COLORS: dict[int, Color] = {CHANNELS["grey"]: "grey", CHANNELS["rgb"]: "rgb"}
UNFITTED = 1.0  # the temperature that changes nothing
REMEDY = "run the workflow again, so that the store has it again"


class Trained(NamedTuple):
    """One replicate.

    Attributes:
        folder: holds MODEL_FILES, as `tasks.learning.network.load` reads them.
        temperature: by which its logits are divided, fitted on the validation part; 1.0 where none is known.
        backend: of Keras, with which it was trained.
    """

    folder: Path
    seed: int
    temperature: float
    backend: str


class Task(NamedTuple):
    """What all replicates of a named model answer: class names in the order of the labels, and what they look at."""

    classes: tuple[str, ...]
    canvas: Canvas


@contextmanager
def replicate(store: Store, model: NamedModel, seed: int) -> Iterator[Trained]:
    """During the block, the replicate of that seed, with every file verified.

    Raises:
        DataError: the store does not have it any more, or what it has is damaged.
    """
    manifest = artifact(store, model, "train", seed)
    temperature = _temperature(store, model, seed)
    with materialized(store, manifest, MODEL_FILES) as folder:
        yield Trained(folder, seed, temperature, manifest.made["settings"]["backend"])


def task(store: Store, model: NamedModel) -> Task:
    """The classes and the canvas of a named model.

    A dataset of single images has its canvas. One of arrays has a shape alone: then an image of another size covers
    it, and what is too much is cut off.

    Raises:
        DataError: as `replicate`; or its arrays are not grey and not red, green and blue, so that no image fits.
    """
    facts = json.loads(read_file(store, artifact(store, model, "normalize"), FACTS))
    return Task(tuple(facts["classes"]), _canvas(model.dataset, tuple(facts["shape"]), facts.get("canvas")))


def artifact(store: Store, model: NamedModel, stage: str, seed: int | None = None) -> Manifest:
    """The manifest of the artifact of `stage`, and of `seed` where there is one for each.

    Raises:
        DataError: as `replicate`.
    """
    name = stage if seed is None else f"{stage}/seed-{seed}"
    key = model.artifacts.get(name)
    manifest = find(store, stage, key) if key else None
    if manifest is None:
        expected = f"expected the artifact {name} of {model.run}, {model.dataset}, {model.family}"
        raise DataError(f"{store.uri}: {expected}, found none; {REMEDY}")
    return manifest


def _canvas(dataset: str, shape: Shape, known: list[Any] | None) -> Canvas:
    if known:
        return Canvas(*known)
    height, width, channels = shape
    if channels not in COLORS:
        raise DataError(f"{dataset}: expected a model of images with 1 or 3 channels, received one with {channels}")
    return Canvas(height, width, COLORS[channels], "crop")


def _temperature(store: Store, model: NamedModel, seed: int) -> float:
    """That of the replicate of `seed`; evaluations of earlier releases fitted none."""
    metrics = json.loads(read_file(store, artifact(store, model, "evaluate"), METRICS))
    fitted = [each.get("temperature") for each in metrics["replicates"] if each["seed"] == seed]
    return next(filter(None, fitted), UNFITTED)
