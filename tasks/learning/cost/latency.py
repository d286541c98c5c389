"""The time of a prediction, by one thread of a processor, whatever the machine has and whatever else it does.

The time is the processor's, not that of the clock on the wall. One thread that nobody disturbs needs the same of both,
and on a shared machine only the first says something of the model. A GPU is not used.

This module imports Keras in its functions, so that a new process can be told how many threads there are before.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH = 256
SECONDS = 1.2  # of the wall clock, for one size of batches of one model; a slow model takes two predictions
PATIENCE = 600.0  # seconds of the wall clock, for one model with all that it needs: Keras, its weights, the compiler
MOST = 200  # predictions: more tell nothing new
# How many threads a library takes is fixed when it starts. JAX reads NPROC.
ONE_THREAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC"), "1")
)
NO_GPU: Mapping[str, str] = MappingProxyType(
    {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "KERAS_TORCH_DEVICE": "cpu"}
)


class Latency(NamedTuple):
    """The seconds of one thread for one image, predicted alone, and in a batch of 256; None where they are unknown."""

    single: float | None = None
    batched: float | None = None


def has_one_thread(variables: Mapping[str, str]) -> bool:
    """Whether a process with these variables computes with one thread and without a GPU, so that it can measure."""
    import keras

    from tasks.learning.cost.devices import gpus

    read = ONE_THREAD.keys() - ({"NPROC"} if keras.config.backend() != "jax" else set())
    return all(variables.get(name) == ONE_THREAD[name] for name in read) and not gpus()


def latency_of_saved(folder: Path) -> Latency:
    """The latency of the model that `network.save` wrote into `folder`."""
    from tasks.learning import network

    return latency(network.load(folder))


def latency(model: "keras.Model") -> Latency:
    """The median of several predictions of random images, by all threads that this process has."""
    images = np.random.default_rng(0).integers(0, 256, (BATCH, *model.input_shape[1:]), dtype=np.uint8)
    return Latency(_seconds(model, images[:1]), _seconds(model, images) / BATCH)


def _seconds(model: "keras.Model", images: np.ndarray) -> float:
    """The processor seconds of one prediction of `images`; the first one, with the compiler's time, does not count."""
    model.predict_on_batch(images)
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while not taken or (time.perf_counter() < end and len(taken) < MOST):
        start = time.process_time()
        model.predict_on_batch(images)
        taken.append(time.process_time() - start)
    return median(taken)
