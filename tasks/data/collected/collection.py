"""Single images read once, each brought to the canvas and looked at, with their pixels on the disk.

The memory holds some hundred bytes for each image, and the pixels of some hundred images.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.data.collected.likeness import difference_hash
from tasks.data.images import CorruptImageError, picture, pixels
from tasks.data.part import PartName, Sample
from tasks.errors import DataError
from tasks.settings.dataset import Canvas
from tasks.storage.contract import MIB
from tasks.storage.provenance import cores

CHUNK = 32  # images that a thread looks at in one go
AHEAD = 4  # chunks for each thread that wait to be taken
BEAT = 3.0  # seconds between two lines of progress
BUFFER = MIB  # of pixels that are written in one go
DIGEST = 32  # bytes
Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Corrupt(NamedTuple):
    """An image that cannot be decoded: its name, and why."""

    name: str
    reason: str


class Collection(NamedTuple):
    """All images that can be decoded, in the order in which they were read.

    Attributes:
        images: uint8 [n, height, width, channels], mapped from the disk.
        names, labels, parts, groups: what the samples say, n of each.
        digests: uint8 [n, 32], the SHA-256 of the shape and the pixels.
        hashes: uint64 [n], the perceptual hash.
        corrupt: the images that cannot be decoded.
    """

    images: NDArray[np.uint8]
    names: Sequence[str]
    labels: Sequence[str]
    parts: Sequence[PartName | None]
    groups: Sequence[str | None]
    digests: NDArray[np.uint8]
    hashes: NDArray[np.uint64]
    corrupt: Sequence[Corrupt]


class _Look(NamedTuple):
    """What one look at an image finds."""

    pixels: NDArray[np.uint8]
    digest: bytes
    hash: int


def collect(samples: Iterable[Sample], canvas: Canvas, folder: Path, progress: Callable[[str], None]) -> Collection:
    """Read all `samples`, whose pixels go to a file in `folder`. Threads decode, and the order stays.

    Raises:
        DataError: there is no image that can be decoded.
    """
    path, ledger = folder / "pixels", _Ledger(progress)
    with path.open("wb", BUFFER) as file, ThreadPoolExecutor(cores()) as pool:
        chunks = _chunks(samples)
        for chunk, looks in _in_order(pool, partial(_looked, canvas), chunks, AHEAD * cores()):
            for sample, look in zip(chunk, looks, strict=True):
                ledger.enter(sample, look)
                if isinstance(look, _Look):
                    file.write(look.pixels.data)
            ledger.say()
    if not ledger.kept:
        raise DataError(_nothing(ledger.corrupt))
    return ledger.collection(np.memmap(path, np.uint8, "r", shape=(len(ledger.kept), *canvas.shape)))


def _nothing(corrupt: Sequence[Corrupt]) -> str:
    if not corrupt:
        return "expected images, received none; look into the dataset's source"
    first = corrupt[0]
    return f"expected images, received {len(corrupt):,} that cannot be decoded: {first.name}: {first.reason}"


def _looked(canvas: Canvas, samples: Sequence[Sample]) -> list[_Look | str]:
    """What each of `samples` looks like, or why it cannot be decoded."""
    return [_look(canvas, sample) for sample in samples]


def _look(canvas: Canvas, sample: Sample) -> _Look | str:
    try:
        found = picture(sample.image(), canvas)
    except CorruptImageError as error:
        return str(error)
    image = pixels(found)
    return _Look(image, content_digest(image), difference_hash(found))


def content_digest(image: NDArray[np.uint8]) -> bytes:
    """The SHA-256 of an image's shape and pixels."""
    found = hashlib.sha256(f"{image.shape}".encode())
    found.update(np.ascontiguousarray(image).data)
    return found.digest()


def _chunks(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    rest = iter(samples)
    return iter(lambda: list(islice(rest, CHUNK)), [])


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Thing], Result], things: Iterable[Thing], ahead: int
) -> Iterator[tuple[Thing, Result]]:
    """Each thing with its result, in order; at most `ahead` of them wait."""
    waiting: deque = deque()
    for thing in things:
        waiting.append((thing, pool.submit(work, thing)))
        if len(waiting) > ahead:
            done, future = waiting.popleft()
            yield done, future.result()
    for done, future in waiting:
        yield done, future.result()


class _Ledger:
    """The table of a collection while it grows."""

    def __init__(self, progress: Callable[[str], None]):
        self.kept: list[tuple[str, str, PartName | None, str | None]] = []
        self.corrupt: list[Corrupt] = []
        self._digests, self._hashes = bytearray(), bytearray()
        self._texts: dict[str, str] = {}  # one text for all that are equal
        self._progress, self._next = progress, time.monotonic() + BEAT

    def enter(self, sample: Sample, look: _Look | str) -> None:
        """Note one sample."""
        if isinstance(look, str):
            self.corrupt.append(Corrupt(sample.name, look))
            return
        group = sample.group and self._texts.setdefault(sample.group, sample.group)
        self.kept.append((sample.name, self._texts.setdefault(sample.label, sample.label), sample.part, group))
        self._digests += look.digest
        self._hashes += look.hash.to_bytes(8)

    def say(self) -> None:
        """Report how far it is, now and then."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + BEAT
            self._progress(f"image {len(self.kept) + len(self.corrupt):,}: {len(self.corrupt):,} corrupt")

    def collection(self, images: NDArray[np.uint8]) -> Collection:
        """The table with the pixels."""
        names, labels, parts, groups = zip(*self.kept, strict=True)
        digests = np.frombuffer(bytes(self._digests), np.uint8).reshape(-1, DIGEST)
        hashes = np.frombuffer(bytes(self._hashes), ">u8").astype(np.uint64)
        return Collection(images, names, labels, parts, groups, digests, hashes, self.corrupt)
