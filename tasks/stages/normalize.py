"""Normalize: from fetched files to the images of each part, with statistics and checks that fail loudly.

A dataset of arrays has official parts. Their training part is cut in two, stratified. A dataset of single images is
collected, brought to one size, and shared out by what each image shows. The test part is checked and passed on as it
is, or as a sample of it; no number of it enters the statistics.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tasks.data import arrays
from tasks.data.given import given, version
from tasks.data.part import Given, Part
from tasks.data.readers import format_module, read, samples
from tasks.data.selection import Selection, whole
from tasks.data.unpacking import unpacked
from tasks.errors import DataError
from tasks.learning.centroids import mean_image
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.dataset import Canvas, Dataset, Gate, Parts, Shape, Splits
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import Examples
from tasks.settings.values import Frozen, Name
from tasks.storage.snapshots import SNAPSHOT


class OfficialArrays(Frozen):
    """What else the arrays of official parts depend on."""

    shape: Shape
    splits: Splits
    validation_fraction: float


class SingleImages(Frozen):
    """What else the arrays of single images depend on; `salt` is the dataset's name."""

    canvas: Canvas
    parts: Parts
    gate: Gate
    salt: Name


class Settings(Frozen):
    """What the arrays depend on."""

    reader: Name
    classes: tuple[str, ...]
    labels: str | None
    origin: OfficialArrays | SingleImages
    seed: int
    examples: Examples | None


class Prepared(NamedTuple):
    """What both kinds of datasets become: classes, the shape of an image, parts, and further facts."""

    classes: Sequence[str]
    shape: Shape
    parts: dict[str, Selection]
    facts: dict[str, Any]


def settings(request: Request, place: Place) -> Settings:
    """The dataset's description and the run's split."""
    dataset = request.dataset(place.dataset)
    if dataset.canvas:
        origin = {"canvas": dataset.canvas, "parts": dataset.parts, "gate": dataset.gate, "salt": dataset.name}
    else:
        origin = dataset.model_dump(include={"shape", "splits"}) | request.model_dump(include={"validation_fraction"})
    common = dataset.model_dump(include={"reader", "classes", "labels"})
    return Settings.model_validate(common | {"origin": origin, "seed": request.seed, "examples": request.examples})


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The fetched files; of single images that may change, also the version before."""
    dataset = request.dataset(place.dataset)
    raw = {"raw": Input("fetch", place, _files(dataset))}
    if dataset.location is None or dataset.canvas is None:
        return raw
    return raw | {"previous": Input("normalize", place, (arrays.INDEX, arrays.FACTS), version="previous")}


def _files(dataset: Dataset) -> tuple[str, ...]:
    """The fetched files of a dataset that it uses."""
    if dataset.location is not None:
        return (SNAPSHOT,)
    if dataset.splits:
        return (*dataset.splits.train, *dataset.splits.test)
    return tuple(sorted(file for source in dataset.sources for file in source.digests))


def format_modules(request: Request, place: Place) -> tuple[str, ...]:
    """The module that the dataset's reader stands for."""
    return (format_module(request.dataset(place.dataset).reader),)


def run(work: Work) -> dict[str, Any]:
    """Write the three parts, some examples, each class's mean image, statistics.json; a table of single images."""
    from tasks.data.partition import describe
    from tasks.data.sampling import examples

    settings: Settings = work.settings
    with TemporaryDirectory(dir=work.output.parent, prefix="pixels-") as scratch:
        data = _prepared(work, settings, Path(scratch))
        facts = {"shape": data.shape, "classes": data.classes} | describe(data.parts, data.classes) | data.facts
        for name, part in data.parts.items():
            arrays.write(work.output, name, part)
            work.progress(f"{name}: {len(part.labels):,} images")
        shown = examples(data.parts["train"])
        arrays.write_images(work.output / arrays.EXAMPLES, shown)
        _write_centroids(work.output, data.parts["train"], len(data.classes))
    facts |= {"examples": shown.labels.tolist()}
    (work.output / arrays.FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return facts


def _write_centroids(output: Path, train: Selection, classes: int) -> None:
    """Keep the mean training image of each class, one class after the other."""
    shape = train.images.shape[1:]
    means = (mean_image(of_class.pieces(), shape) for of_class in train.by_class(classes))
    arrays.write_centroids(output, (classes, *shape), means)


def _prepared(work: Work, settings: Settings, scratch: Path) -> Prepared:
    """The dataset of either kind; what does not fit into the memory goes to `scratch`."""
    if isinstance(settings.origin, OfficialArrays):
        return _official(work, settings, settings.origin)
    return _collected(work, settings, settings.origin, scratch)


def _official(work: Work, settings: Settings, origin: OfficialArrays) -> Prepared:
    """Official parts, or samples of them, the training part cut in two."""
    from tasks.data.partition import check_classes, partition
    from tasks.data.sampling import sample_sizes, sampled

    splits = {"train": origin.splits.train, "test": origin.splits.test}
    found = given(work.inputs["raw"])
    official = {name: whole(_read(settings, origin, found, names)) for name, names in splits.items()}
    used = sampled(official, settings.examples, settings.seed) if settings.examples else official
    check_classes(used["train"].labels, settings.classes)
    parts = partition(used["train"], origin.validation_fraction, settings.seed) | {"test": used["test"]}
    facts = {"sample": sample_sizes(official, used)} if settings.examples else {}
    return Prepared(settings.classes, origin.shape, parts, facts | {"version": version(work.inputs["raw"])})


def _read(settings: Settings, origin: OfficialArrays, files: Sequence[Given], names: Sequence[str]) -> Part:
    """One official part, whole: those of `files` that have these names."""
    paths = [_named(files, name) for name in names]
    return read(settings.reader, paths, origin.shape, len(settings.classes), settings.labels)


def _named(files: Sequence[Given], name: str) -> Path:
    """The file of that name; its folder may be left out where only one file is called so."""
    found = [file for file in files if file.name == name] or [
        file for file in files if PurePosixPath(file.name).name == name
    ]
    if len(found) != 1:
        received = f"{len(found)} in different folders" if found else "none"
        raise DataError(f"splits: expected one file {name} at the dataset's location, received {received}")
    return found[0].path


def _collected(work: Work, settings: Settings, origin: SingleImages, scratch: Path) -> Prepared:
    """Single images, or samples of them, each in the part that is given or that its content says."""
    from tasks.data.collected.collection import collect
    from tasks.data.collected.curation import Rules, curated
    from tasks.data.sampling import sample_sizes, sampled_parts

    raw = work.inputs["raw"]
    files = unpacked(given(raw), scratch)
    collection = collect(samples(settings.reader, files, settings.labels), origin.canvas, scratch, work.progress)
    rules = Rules(settings.classes, origin.parts, origin.gate, origin.salt)
    data = curated(collection, rules, _comparable(work.inputs.get("previous"), origin.canvas), work.output)
    used = sampled_parts(data.parts, settings.examples, settings.seed) if settings.examples else data.parts
    facts = {"sample": sample_sizes(data.parts, used)} if settings.examples else {}
    known = {"version": version(raw), "canvas": [*origin.canvas]}
    return Prepared(data.classes, origin.canvas.shape, used, facts | known | data.facts)


def _comparable(previous: Path | None, canvas: Canvas) -> Path | None:
    """What was made of the version before, if on the same canvas: on another one every image has another digest."""
    if previous is None:
        return None
    facts = arrays.facts(previous)
    return previous if facts.get("canvas") == [*canvas] else None


STAGE = Stage("normalize", settings, inputs, run, modules=format_modules)
