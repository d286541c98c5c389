"""A measurement in a process of its own: one thread, a backend of Keras, and its peak memory."""

import os
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

from tasks.runs.numerics import CHOSEN

# As in a stage: https://www.tensorflow.org/api_docs/python/tf/config/threading, and the kernels that a stage chooses.
SETTINGS = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1") | CHOSEN


class Alone(NamedTuple):
    """What a job returned, and the most memory that its process held, in bytes."""

    result: Any
    peak: int


def worker(backend: str) -> ProcessPoolExecutor:
    """A process that runs one job after the other, and remembers what it has built."""
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_prepare, initargs=(backend,))


def alone(job: Callable[[], Any], backend: str = "tensorflow") -> Alone:
    """Run a `job` that can be pickled; whatever it raises is raised here."""
    with worker(backend) as pool:
        return Alone(pool.submit(job).result(), pool.submit(_peak).result())


def _prepare(backend: str) -> None:
    """Before anything imports Keras."""
    os.environ |= SETTINGS | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
