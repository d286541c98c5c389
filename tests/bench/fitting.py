"""Trainings of a run's networks on the run's data, outside of the run: many side by side, one thread each.

The test part is not read.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from tasks.learning.loops.rhythm import rhythm
from tasks.runs.records import input_manifest
from tasks.runs.stage import Input
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.stages.model_settings import model_settings
from tasks.storage.artifacts import materialize
from tasks.storage.contract import Store
from tasks.storage.provenance import cores
from tests.bench.process import SETTINGS

COST_IMAGES = 12_800  # that are enough to tell what an epoch costs


class Result(NamedTuple):
    """What one training reached, and what it took of a core; wall time would tell more of what else the machine did."""

    val_accuracy: float
    cpu_seconds: float


@contextmanager
def fetched(store: Store, run: str, given: Input) -> Iterator[Path]:
    """What a stage of a run left, in a folder that is there for as long."""
    with tempfile.TemporaryDirectory() as folder:
        materialize(store, input_manifest(store, run, given), given.files, Path(folder))
        yield Path(folder)


def pool() -> ProcessPoolExecutor:
    """As many processes as there are cores, each for one training."""
    os.environ |= SETTINGS
    return ProcessPoolExecutor(cores(), get_context("spawn"), max_tasks_per_child=1)


def trained(request: Request, place: Place, hyperparameters: Mapping[str, Any], folder: Path) -> Result:
    """One training of full length under the seed of `place`, in this process."""
    from tasks.data import arrays

    start = time.process_time()
    fitted = _fitted(request, place, hyperparameters, folder, arrays.read(folder, "train"))
    return Result(fitted.history[-1]["val_accuracy"], time.process_time() - start)


def epoch_cost(request: Request, place: Place, hyperparameters: Mapping[str, Any], folder: Path) -> float:
    """About the core-seconds of one epoch, from one over the first images; set-up and validation are left out."""
    from tasks.data import arrays

    images, labels = arrays.read(folder, "train")
    some = min(len(labels), COST_IMAGES)
    alike, showings = in_batches_of(request, len(labels))
    fitted = _fitted(alike, place, hyperparameters, folder, (images[:some], labels[:some]))
    return fitted.cpu_seconds / some * len(labels) * showings


def in_batches_of(request: Request, images: int) -> tuple[Request, int]:
    """The request with the batches of an epoch over so many images, and how often that epoch shows each of them.

    Few images alone would come in smaller batches, several times: see `least_steps`.
    """
    plan = rhythm(images, request.training)
    training = request.training.model_copy(update={"batch_size": plan.batch, "least_steps": 0})
    return request.model_copy(update={"training": training}), plan.showings


def _fitted(request: Request, place: Place, hyperparameters: Mapping[str, Any], folder: Path, train: Any) -> Any:
    from tasks.data import arrays
    from tasks.learning import loop, network

    settings, values = model_settings(request, place, request.training.epochs), dict(hyperparameters)
    return loop.fit(
        partial(network.assemble, settings.network(folder, values)),
        train,
        arrays.read(folder, "validation"),
        loop.Recipe(settings.training, settings.augmentation, values, place.seed),
        lambda line: None,
    )
