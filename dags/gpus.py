"""Which GPU of a worker's machine a stage gets: leases, which the workers of one machine keep by locks on files.

Airflow's pool counts trainings, and knows of no device. So the worker takes one that is free, and holds it for as long
as the stage works. The kernel frees the lock of a worker that dies.
"""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks.settings.orchestration import Gpus

log = logging.getLogger(__name__)
PAUSE, SILENCE = 0.5, 30  # seconds between two looks, and between two lines that say so
VISIBLE = "CUDA_VISIBLE_DEVICES"
# What a stage with a GPU is told: that it must see one, and to take of its memory no more than it needs.
GPU_EXPECTED = {"GPU_EXPECTED": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


@contextmanager
def leased(gpus: Gpus, *, alone: bool = False) -> Iterator[str]:
    """One of the devices during the block, which no more than `trainings_per_gpu` others have, or nobody with `alone`.

    It waits for one, and says so: a pool with more slots than there are places lets tasks wait here.
    """
    with ExitStack() as held:
        said = time.monotonic()
        while not (device := _taken(gpus, alone, held)):
            if time.monotonic() - said > SILENCE:
                said = time.monotonic()
                log.info("waiting for one of the GPUs %s, each of which has work", ", ".join(gpus.devices))
            time.sleep(PAUSE)
        yield device


def _taken(gpus: Gpus, alone: bool, held: ExitStack) -> str | None:
    """A device, with its lock in `held`, or None where all are taken; those with the least work come first."""
    places = range(gpus.trainings_per_gpu)
    choices = [[(device, place) for place in places] for device in gpus.devices]
    wanted = choices if alone else [[(device, place)] for place in places for device in gpus.devices]
    for locks in wanted:
        with ExitStack() as attempt:
            if all(_locked(device, place, attempt) for device, place in locks):
                held.push(attempt.pop_all())
                return locks[0][0]
    return None


def _locked(device: str, place: int, held: ExitStack) -> bool:
    """Whether this process now has the lock of one place of a device; then `held` keeps it."""
    folder = Path(tempfile.gettempdir(), f"like-for-like-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = held.enter_context((folder / f"{device}.{place}").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
