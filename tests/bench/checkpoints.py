"""What checkpoints cost a training of real size: `python -m tests.bench.checkpoints [IMAGES [EPOCHS [FAMILIES]]]`.

CIFAR-10's shape, budget and number of images, the quick profile's batches and epochs. In a folder and in the
embedded S3 server, each on this machine's own disk.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

from tasks.learning.loop import Fit, Recipe, fit
from tasks.learning.network import assemble
from tasks.local.swift.object_store import ObjectStore
from tasks.settings.loading import load_configuration
from tasks.storage.checkpoints import StoredCheckpoints
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.stand_in import described, noise
from tests.bench.surroundings import noted

CONFIGURATION = load_configuration()
CIFAR = CONFIGURATION.datasets["cifar10"]
VALIDATION = 5_000


def trained(family: str, images: int, epochs: int, checkpoints: StoredCheckpoints) -> Fit:
    """One training of the quick profile's kind."""
    quick = CONFIGURATION.profiles["quick"].training.model_copy(update={"epochs": epochs})
    recipe = Recipe(quick, CIFAR.augmentation, {}, 0)
    build = partial(assemble, described(CIFAR, family))
    return fit(build, noise(CIFAR, images), noise(CIFAR, VALIDATION), recipe, print, checkpoints)


@contextmanager
def stores() -> Iterator[dict[str, Store]]:
    """A folder, and a bucket of the embedded server."""
    with tempfile.TemporaryDirectory() as folder, ObjectStore.start(Path(folder, "server")) as server:
        os.environ.update(server.environment)
        yield {"folder": open_store(Path(folder, "store").as_uri()), "S3": open_store(f"{server.uri}/bench")}


def main(images: str = "45000", epochs: str = "4", families: str = "ann,cnn") -> None:
    """Print the table."""
    rows = [
        "| family | store | an epoch | CPU time | all checkpoints | share of the training |",
        "|---|---|---|---|---|---|",
    ]
    with stores() as known:
        for family, name in product(families.split(","), known):
            start = time.perf_counter()
            checkpoints = StoredCheckpoints(known[name], "train", family)
            done = trained(family, int(images), int(epochs), checkpoints)
            spent, seconds = done.checkpoint_seconds, time.perf_counter() - start
            epoch, cpu = (taken / len(done.history) for taken in (done.train_seconds, done.cpu_seconds))
            cost = f"{epoch:.1f} s | {cpu:.1f} s | {spent:.3f} s | {spent / seconds:.2%}"
            rows.append(f"| {family} | {name} | {cost} |")
    print("\n".join(rows))


if __name__ == "__main__":
    with noted():
        main(*sys.argv[1:])
