"""Normalize: stratified split, statistics of the training part, and checks that fail loudly.

The test part is checked and passed on as it is; no number of it enters the statistics.
"""

import json
from typing import Any

from tasks.data.readers import format_module, read
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.dataset import Splits
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Name


class Settings(Frozen):
    """What the arrays depend on."""

    reader: Name
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    splits: Splits
    validation_fraction: float
    seed: int


def settings(request: Request, place: Place) -> Settings:
    """The dataset's description and the run's split."""
    dataset = request.dataset(place.dataset).model_dump(include={"reader", "shape", "classes", "splits"})
    return Settings(**dataset, validation_fraction=request.validation_fraction, seed=request.seed)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The fetched files."""
    splits = request.dataset(place.dataset).splits
    return {"raw": Input("fetch", place, (*splits.train, *splits.test))}


def format_modules(request: Request, place: Place) -> tuple[str, ...]:
    """The module that the dataset's reader stands for."""
    return (format_module(request.dataset(place.dataset).reader),)


def run(work: Work) -> dict[str, Any]:
    """Write train.npz, validation.npz, test.npz (uint8 images and labels) and statistics.json."""
    import numpy as np

    from tasks.data.partition import describe, partition

    settings: Settings = work.settings
    raw = work.inputs["raw"]
    official = read(
        settings.reader, [raw / name for name in settings.splits.train], settings.shape, len(settings.classes)
    )
    test = read(settings.reader, [raw / name for name in settings.splits.test], settings.shape, len(settings.classes))
    parts = partition(official, settings.validation_fraction, settings.seed) | {"test": test}
    statistics = describe(parts, settings.classes)
    for name, part in parts.items():
        np.savez(work.output / f"{name}.npz", images=part.images, labels=part.labels)
        work.progress(f"{name}: {len(part.labels):,} images")
    (work.output / "statistics.json").write_text(json.dumps(statistics, indent=1), encoding="utf-8")
    return statistics


STAGE = Stage("normalize", settings, inputs, run, modules=format_modules)
