"""A survey of images before they are a dataset: what there is, what it becomes, what a run would find wrong."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.data.collected.collection import Corrupt, collect
from tasks.data.collected.curation import Rules, curated
from tasks.data.collected.gate import Finding
from tasks.data.given import in_place
from tasks.data.part import Given, PartName, Sample
from tasks.data.readers import samples
from tasks.data.sources.archives import ARCHIVES
from tasks.data.sources.locations import listed, location_at
from tasks.data.sources.looks import take
from tasks.errors import DataError
from tasks.settings.addresses import folder_of
from tasks.settings.dataset import Canvas, Dataset, Gate
from tasks.storage.folder import FileStore
from tasks.storage.snapshots import Shelf, materialize

SUFFIXES = {".parquet": "parquet", ".npz": "npz", ".npy": "npz"}  # any other suffix: images in a folder
ARRAYS = (".bin", "-ubyte", "-ubyte.gz")  # what CIFAR and MNIST come in
GREY = {"1", "L", "LA", "I", "I;16", "I;16B", "La"}  # Pillow's modes
PIXELS = "pixels"  # the format of an image that comes as an array
OPEN = Gate(corrupt=1, conflicting=1, crossing=1, imbalance=1e9, added=1e9, removed=1, relabelled=1, shifted=1)
Track = Callable[[Iterable[Sample], int | None], Iterable[Sample]]


class Look(NamedTuple):
    """What the headers of the images say.

    Attributes:
        reader: the format that reads them.
        labels: how many images have each label.
        parts: how many images are given for each part; None stands for no part.
        formats: how many images are of each file format.
        sizes: height and width, int [n, 2], of the images whose header can be read.
        is_grey: whether none has a colour.
    """

    reader: str
    labels: Counter[str]
    parts: Counter[PartName | None]
    formats: Counter[str]
    sizes: NDArray[np.integer]
    is_grey: bool


class Survey(NamedTuple):
    """What the images become on their canvas: `counts` by part and class, and what the gate finds."""

    look: Look
    classes: tuple[str, ...]
    counts: dict[str, list[int]]
    findings: list[Finding]
    corrupt: Sequence[Corrupt]


def files_at(address: str, name: str, folder: Path, progress: Callable[[str], None]) -> list[Given]:
    """The files at an address: those of a folder where they lie, any others brought into `folder`.

    Raises:
        DataError: there is nothing, or nothing that may be read.
        StoreError, DownloadError: the place cannot be reached.
    """
    location = location_at(address, (), progress)
    here, listing = folder_of(address), listed(location)
    if here and not listing.is_archive:
        root = here.parent if listing.is_file else here
        return [Given(entry.name, root / entry.name) for entry in listing.entries]
    store = FileStore(folder / "store")
    snapshot = take(location, address, Shelf(store, name), progress)
    files = folder / "files"
    files.mkdir()
    materialize(store, snapshot, files, progress)
    return in_place(snapshot, files)


def reader_of(files: Sequence[Given]) -> str:
    """The format that reads these files, by their names.

    Raises:
        DataError: they are arrays, whose TOML somebody has to write.
    """
    names = [file.name.lower() for file in files]
    found = {SUFFIXES.get(PurePosixPath(name).suffix, "folder") for name in names if not _is_table(name)}
    if any(name.endswith(ARRAYS) for name in names):
        raise DataError(
            "expected images, Parquet or NumPy files, received files of CIFAR or MNIST; "
            "write the dataset's TOML by hand, as config/README.md says under `Pinned files`"
        )
    return found.pop() if len(found) == 1 else "folder"


def _is_table(name: str) -> bool:
    """Whether a file says something of images beside it."""
    return PurePosixPath(name).name.startswith("metadata.") or name.endswith(
        (".txt", ".md", ".json", ".csv", *ARCHIVES)
    )


def look(reader: str, files: Sequence[Given], labels: str | None, track: Track) -> Look:
    """Read the header of every image.

    Raises:
        DataError: the files are not what the format expects.
    """
    counts: tuple[Counter, Counter, Counter] = (Counter(), Counter(), Counter())
    sizes, is_grey = [], True
    for sample in track(samples(reader, files, labels), len(files) if reader == "folder" else None):
        header = _header(sample)
        for counter, value in zip(counts, (sample.label, sample.part, header and header[0]), strict=True):
            counter[value] += 1
        if header:
            sizes.append(header[1])
            is_grey = is_grey and header[2]
    del counts[2][None]
    return Look(reader, *counts, np.array(sizes).reshape(-1, 2), is_grey)


def _header(sample: Sample) -> tuple[str, tuple[int, int], bool] | None:
    """Format, height and width, and whether it is grey; None of an image that cannot be read."""
    image = sample.image()
    if not isinstance(image, bytes):
        return PIXELS, image.shape[:2], image.ndim == 2 or image.shape[2] == 1
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return str(opened.format), (opened.height, opened.width), opened.mode in GREY
    except Exception:  # hostile bytes make Pillow raise nearly anything; the collection says why
        return None


def survey(seen: Look, files: Sequence[Given], dataset: Dataset, folder: Path, track: Track) -> Survey:
    """Decode every image of a `dataset` of single images and share them out as `normalize` will; no finding refuses it.

    Raises:
        DataError: there are no two classes, or a part is empty.
    """
    canvas = cast(Canvas, dataset.canvas)
    rules = Rules(dataset.classes, dataset.parts, OPEN, dataset.name)
    tracked = track(samples(dataset.reader, files, dataset.labels), seen.labels.total())
    collection = collect(tracked, canvas, folder, lambda line: None)
    data = curated(collection, rules, None, folder)
    counts = {name: np.bincount(part.labels, minlength=len(data.classes)).tolist() for name, part in data.parts.items()}
    return Survey(seen, data.classes, counts, list(_judged(data.facts["gate"], dataset.gate)), collection.corrupt)


def _judged(facts: Iterable[Mapping[str, Any]], gate: Gate) -> Iterator[Finding]:
    """The findings of the `facts`, with the limits of `gate`."""
    return (Finding(**{**fact, "limit": getattr(gate, fact["name"], None)}) for fact in facts)
