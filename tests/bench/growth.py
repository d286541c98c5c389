"""How the cost of orchestration grows with what a run consists of: datasets, trials and replicates.

Real runs of the smoke profile, through the real scheduler, over tiny datasets whose every stage has been finished
before: the work is next to nothing, and what is left is the scheduler's, the stages' start and the store's.
"""

import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from tasks.runs.meter import cpu_seconds
from tests.bench.orchestration import Overhead, overhead
from tests.bench.section import Row, Section, spread
from tests.support.machine import Machine

SIZES = (1, 2, 4, 8)
DIMENSIONS = ("datasets", "trials", "replicates")
INTERVAL = 1.0  # seconds between two looks at the memory


class Run(NamedTuple):
    """One fully cached run: what the command took, what Airflow noted, peak memory in bytes."""

    seconds: float
    cpu_seconds: float
    overhead: Overhead
    peak: int


def growth(rounds: int) -> Iterator[Section]:
    """A table for each dimension, and in it a row for each size; all else is 1. Medians of so many `rounds`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        machine = Machine(Path(folder))
        names = _configured(Path(machine.environment["WORKFLOW_CONFIG"]))
        for dimension in DIMENSIONS:
            yield Section(
                f"Growth of a fully cached run with its {dimension}", list(_rows(machine, names, dimension, rounds))
            )


def _rows(machine: Machine, names: list[str], dimension: str, rounds: int) -> Iterator[Row]:
    """One dimension; each size is run once before it is measured, which finishes all that is then reused."""
    for size in SIZES:
        _run(machine, names, dimension, size)
        runs = [_run(machine, names, dimension, size) for _ in range(rounds)]
        yield {
            dimension: size,
            "tasks": runs[0].overhead.tasks,
            **spread("command, s", (run.seconds for run in runs)),
            **spread("command, CPU s", (run.cpu_seconds for run in runs)),
            **spread("first task to last, s", (run.overhead.cost.wall for run in runs)),
            **spread("scheduler's part a task, s", (run.overhead.cost.scheduler / run.overhead.tasks for run in runs)),
            "peak memory, MB": median(run.peak for run in runs) / 1e6,
        }


def _run(machine: Machine, names: list[str], dimension: str, size: int) -> Run:
    sizes = dict.fromkeys(DIMENSIONS, 1) | {dimension: size}
    numbers = [part for name in ("trials", "replicates") for part in (f"--{name}", str(sizes[name]))]
    with Memory(machine) as memory:
        start, used = time.perf_counter(), cpu_seconds()
        code, output, report = machine.run("--datasets", ",".join(names[: sizes["datasets"]]), *numbers)
        seconds, used = time.perf_counter() - start, cpu_seconds() - used
    if code:
        sys.exit(output)
    return Run(seconds, used, overhead(machine.state, report), memory.peak)


def _configured(config: Path) -> list[str]:
    """Many datasets of the same few images, and a task for each of many trials; the datasets' names."""
    pattern = config / "datasets" / "cifar10.toml"
    names = [f"tiny_{number}" for number in range(SIZES[-1])]
    for name in names:
        shutil.copy(pattern, pattern.with_name(f"{name}.toml"))
    workflow = config / "workflow.toml"
    head, smoke, rest = workflow.read_text().partition("[profiles.smoke.search]")
    for setting in ("trials", "shards"):
        rest = re.sub(rf"{setting} = \d+", f"{setting} = {SIZES[-1]}", rest, count=1)
    workflow.write_text(head + smoke + rest)
    return names


class Memory:
    """The most memory that all processes of a machine held at once, pages that they share counted once."""

    def __init__(self, machine: Machine):
        self.peak = 0
        self._machine, self._ended = machine, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.peak = max(self.peak, sum(map(_held, self._machine.processes())))


def _held(process: psutil.Process) -> int:
    """Bytes of one process, and its share of what it shares; nothing once it has ended."""
    with suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0
