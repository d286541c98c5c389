"""Normalize: stratified split, statistics of the training part, and checks that fail loudly.

The test part is checked and passed on as it is, or as a sample of it; no number of it enters the statistics.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.data.part import Part
from tasks.data.readers import format_module, read
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.dataset import Shape, Splits
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import Examples
from tasks.settings.values import Frozen, Name


class Settings(Frozen):
    """What the arrays depend on."""

    reader: Name
    shape: Shape
    classes: tuple[str, ...]
    splits: Splits
    validation_fraction: float
    seed: int
    examples: Examples | None


def settings(request: Request, place: Place) -> Settings:
    """The dataset's description and the run's split."""
    dataset = request.dataset(place.dataset).model_dump(include={"reader", "shape", "classes", "splits"})
    split = request.model_dump(include={"validation_fraction", "seed", "examples"})
    return Settings(**dataset, **split)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The fetched files."""
    splits = request.dataset(place.dataset).splits
    return {"raw": Input("fetch", place, (*splits.train, *splits.test))}


def format_modules(request: Request, place: Place) -> tuple[str, ...]:
    """The module that the dataset's reader stands for."""
    return (format_module(request.dataset(place.dataset).reader),)


def run(work: Work) -> dict[str, Any]:
    """Write the images and labels of the three parts, and statistics.json."""
    from tasks.data import arrays
    from tasks.data.partition import describe, partition
    from tasks.data.sampling import sample_sizes, sampled

    settings: Settings = work.settings
    splits = {"train": settings.splits.train, "test": settings.splits.test}
    official = {name: _read(settings, work.inputs["raw"], files) for name, files in splits.items()}
    used = sampled(official, settings.examples, settings.seed) if settings.examples else official
    parts = partition(used["train"], settings.validation_fraction, settings.seed) | {"test": used["test"]}
    statistics = {"shape": settings.shape, "classes": settings.classes} | describe(parts, settings.classes)
    if settings.examples:
        statistics |= {"sample": sample_sizes(official, used)}
    for name, part in parts.items():
        arrays.write(work.output, name, part)
        work.progress(f"{name}: {len(part.labels):,} images")
    (work.output / arrays.FACTS).write_text(json.dumps(statistics, indent=1), encoding="utf-8")
    return statistics


def _read(settings: Settings, folder: Path, files: Sequence[str]) -> Part:
    """One official part, whole."""
    return read(settings.reader, [folder / name for name in files], settings.shape, len(settings.classes))


STAGE = Stage("normalize", settings, inputs, run, modules=format_modules)
