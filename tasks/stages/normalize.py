"""Normalize: stratified split, statistics of the training part, and checks that fail loudly.

The test part is checked and passed on as it is; no number of it enters the statistics.
"""

import json
from typing import Any, Literal

from tasks.request import Frozen, Request, Splits
from tasks.stage import Input, Place, Stage, Work


class Settings(Frozen):
    """What the arrays depend on."""

    reader: Literal["idx", "cifar"]
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


def run(work: Work) -> dict[str, Any]:
    """Write train.npz, validation.npz, test.npz (uint8 images and labels) and statistics.json."""
    import numpy as np

    from tasks.partition import describe, partition
    from tasks.readers import read

    wish: Settings = work.settings
    raw = work.inputs["raw"]
    official = read(wish.reader, [raw / name for name in wish.splits.train], wish.shape, len(wish.classes))
    test = read(wish.reader, [raw / name for name in wish.splits.test], wish.shape, len(wish.classes))
    parts = partition(official, wish.validation_fraction, wish.seed) | {"test": test}
    statistics = describe(parts, wish.classes)
    for name, part in parts.items():
        np.savez(work.output / f"{name}.npz", images=part.images, labels=part.labels)
        work.progress(f"{name}: {len(part.labels):,} images")
    (work.output / "statistics.json").write_text(json.dumps(statistics, indent=1), encoding="utf-8")
    return statistics


STAGE = Stage("normalize", "dataset", settings, inputs, run)
