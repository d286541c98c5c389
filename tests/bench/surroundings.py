"""Where and beside what a table was measured: the commit, the machine, and the machine's other work."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tasks.project import PROJECT
from tasks.runs.meter import cpu_seconds
from tasks.storage.provenance import machine

BUSY = ("user", "nice", "system", "irq", "softirq")  # times of a processor that works; some systems have fewer


class Watch:
    """Looks at this process and at the machine when it is made, and again when it is asked."""

    def __init__(self) -> None:
        self._place, self._load = f"Commit {commit(PROJECT)}. {described(machine())}", os.getloadavg()[0]
        self._start, self._busy, self._own = time.perf_counter(), busy(psutil.cpu_times()), cpu_seconds()

    def note(self) -> str:
        """Commit, machine and load, in three sentences."""
        capacity = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        share = others(busy(psutil.cpu_times()) - self._busy, cpu_seconds() - self._own, capacity)
        return f"{self._place} The load was {self._load:.1f} before; other processes took {share:.0%} of the cores."


@contextmanager
def noted() -> Iterator[None]:
    """Print the note below the tables that the block prints."""
    watch = Watch()
    yield
    print(f"\n{watch.note()}", flush=True)


def reported(report: Mapping[str, Any]) -> str:
    """Where the numbers in a run's report come from, in two sentences; a report names its code by digests."""
    environment = report["environment"]
    day = environment["created"].partition("T")[0]
    return f"From the report of {report['run']} of {day}. {described(environment['machine'])}"


def commit(folder: Path) -> str:
    """The commit that is checked out, and whether files differ from it; "unknown" outside of a repository."""
    try:
        name = _git(folder, "rev-parse", "--short", "HEAD")
        return f"{name} + changes" if _git(folder, "status", "--porcelain") else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def described(facts: Mapping[str, str]) -> str:
    """The machine in one sentence, from what `tasks.storage.provenance.machine` says of it."""
    number = "1 core" if facts["cores"] == "1" else f"{facts['cores']} cores"
    return f"{number} of {facts['processor']}, {facts.get('gpu', 'no GPU')}."


def busy(times: Any) -> float:
    """The seconds in which the cores worked, of `psutil.cpu_times`."""
    return sum(getattr(times, name, 0.0) for name in BUSY)


def others(worked: float, own: float, capacity: float) -> float:
    """The share of the cores' seconds that others took: not this process, and no child that has ended."""
    return max(0.0, worked - own) / capacity
