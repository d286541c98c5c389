"""A run without a scheduler: `STORE=... python -m tests.bench.unscheduled RUN [SLOTS]`.

For a machine that has an accelerator and no Airflow. The DAG's commands in the DAG's order, at most SLOTS at a time;
`plan` takes the parameters from the environment: RUN_PARAMETERS, DATASET_MIRROR, KERAS_BACKEND. Nothing is tried again.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from threading import Semaphore

from tasks.runs.requests import read_request
from tasks.settings.place import Place, branch_places
from tasks.settings.request import slug
from tasks.storage.location import open_store
from tasks.storage.provenance import cores


class Commands:
    """Runs the stages of one run as processes, as many at a time as there are slots."""

    def __init__(self, run: str, slots: int):
        self._run, self._slots = run, Semaphore(slots)

    def __call__(self, stage: str, place: Place | None = None) -> None:
        """Run one stage at one place; raises CalledProcessError if it fails."""
        parts = asdict(place).items() if place else ()
        options = [f"--{part}={value}" for part, value in parts if value is not None]
        with self._slots:
            subprocess.run([sys.executable, "-m", "tasks", stage, "--run", self._run, *options], check=True)


def unscheduled(run: str, slots: int) -> None:
    """Run the workflow from its plan to its report."""
    command = Commands(run, slots)
    command("plan")
    request = read_request(open_store(os.environ["STORE"]), slug(run))

    def branch(dataset: str) -> None:
        command("fetch", Place(dataset))
        command("normalize", Place(dataset))
        side_by_side(partial(family, place) for place in branch_places(request) if place.dataset == dataset)

    def family(place: Place) -> None:
        shards = range(request.search.shards)
        side_by_side(partial(command, "search", replace(place, shard=shard)) for shard in shards)
        command("choose", place)
        side_by_side(partial(command, "train", replace(place, seed=seed)) for seed in request.seeds)
        command("evaluate", place)

    side_by_side(partial(branch, dataset.name) for dataset in request.datasets)
    command("report")


def side_by_side(jobs: Iterable[Callable[[], None]]) -> None:
    """Run the jobs at once and wait for all; the first failure is raised."""
    waiting = list(jobs)
    with ThreadPoolExecutor(len(waiting)) as pool:
        for future in [pool.submit(job) for job in waiting]:
            future.result()


if __name__ == "__main__":
    unscheduled(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else cores())
