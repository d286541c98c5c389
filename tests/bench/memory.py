"""How much memory a training takes on arrays that are larger than the memory: noise on the disk, part of one epoch.

The child process may have no more than `LIMIT` of memory of its own. The pages of mapped files are not counted: the
system takes them back when it needs them.
"""

import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.clock import seconds, timed
from tests.bench.process import alone
from tests.bench.section import Section

GB = 10**9
LIMIT = 4 * GB
SHAPE, CLASSES, BUDGET = (64, 64, 3), 100, 100_000
IMAGE = 64 * 64 * 3  # bytes
SHARE = 2  # % of an epoch, after which the training ends
BLOCK = 2**14  # images that are written at a time
TEST = 3 * GB // 10  # bytes of the images that are predicted


class Enough(Exception):  # noqa: N818 - no error
    """Ends a training in the middle of its epoch."""


def memory(size: float = 20) -> Iterator[Section]:
    """A table with a row a family, of a training part of `size` GB."""
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        if shutil.disk_usage(folder).free < 1.1 * size * GB:
            raise OSError(f"expected {1.1 * size:.0f} GB of free disk for the arrays; free some, or ask for fewer")
        images = int(size * GB / IMAGE)
        _make(Path(folder, "images.npy"), images)
        rows = [
            {"family": family, "images": images, "arrays, GB": size}
            | alone(partial(_measured, Path(folder, "images.npy"), family)).result
            for family in ("cnn", "ann")
        ]
        yield Section(f"Memory of a training, {SHARE} % of an epoch, at most {LIMIT / GB:g} GB of its own", rows)


def _make(path: Path, images: int) -> None:
    """Write noise; the same block again and again, since nothing is learnt from it."""
    block = np.random.default_rng(0).integers(0, 256, (BLOCK, *SHAPE), np.uint8)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (images, *SHAPE)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, images, BLOCK):
            file.write(block[: min(BLOCK, images - start)].data)


def _measured(path: Path, family: str) -> dict[str, Any]:
    """Train and predict under the limit; what it took."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    peaks = {"RssAnon": 0, "VmHWM": 0}
    threading.Thread(target=_watch, args=(peaks,), daemon=True).start()
    _, taken = timed(lambda: _train(np.load(path, mmap_mode="r", allow_pickle=False), family))
    _note(peaks)
    return {
        **seconds(taken),
        "peak of its own memory, GB": peaks["RssAnon"] / GB,
        "peak with pages of mapped files, GB": peaks["VmHWM"] / GB,
    }


def _train(images: np.ndarray, family: str) -> None:
    from tasks.learning import loop, network
    from tasks.settings.dataset import Augmentation
    from tasks.settings.training import Training

    description = network.Description(
        family=family, shape=SHAPE, classes=CLASSES, budget=BUDGET, mean=(127,) * 3, std=(74,) * 3
    )
    labels = np.arange(len(images)) % CLASSES
    training = Training(replicates=1, epochs=1, batch_size=128)
    recipe = loop.Recipe(training, Augmentation(flip=True, shift=2), {}, 0)
    try:
        loop.fit(
            partial(network.assemble, description), (images, labels), (images[:5000], labels[:5000]), recipe, _stop
        )
    except Enough:
        network.probabilities(network.assemble(description), images[: TEST // IMAGE])
    else:
        raise RuntimeError(f"expected a training that ends after {SHARE} % of its epoch, received one of all")


def _stop(line: str) -> None:
    """End the training when it says that it is far enough."""
    share = line.split(", ")[1].removesuffix(" %")
    if share.isdigit() and int(share) >= SHARE:
        raise Enough


def _watch(peaks: dict[str, int]) -> None:
    while True:
        _note(peaks)
        time.sleep(0.02)


def _note(peaks: dict[str, int]) -> None:
    """Raise the peaks to what the process holds now, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, value = line.split(":", 1)
        if name in peaks:
            peaks[name] = max(peaks[name], 1024 * int(value.split()[0]))
