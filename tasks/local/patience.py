"""Patience: a wait that may last as long as anything moves. A slow machine is no error, and what hangs is one."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

from tasks.errors import DiscreetError, RequestError
from tasks.local.processes import family

SETTING, DEFAULT = "LIKE_FOR_LIKE_PATIENCE", 300.0  # seconds in which nothing moves
LOOKS = 100  # in the time of the limit, at most: to look costs some milliseconds
IDLE_SHARE = 0.02  # of a core: what a process uses that only looks around for something to do
Found = TypeVar("Found")


class StalledError(DiscreetError, RuntimeError):
    """Nothing has moved for long: one line with what was awaited, the log to read, and what to do."""


def seconds_of_patience(environment: Mapping[str, str] = os.environ) -> float:
    """The seconds in which something must move: what the machine's owner set, or DEFAULT.

    Raises:
        RequestError: it is no number of seconds.
    """
    given = environment.get(SETTING) or f"{DEFAULT:.0f}"
    if not (given.isdecimal() and 10 <= int(given) <= 86400):
        raise RequestError(f"{SETTING}: expected whole seconds from 10 to 86400, received {given!r}")
    return float(given)


class Signs(NamedTuple):
    """Where movement shows: files that grow, and processes that work."""

    files: tuple[Path, ...] = ()
    processes: Callable[[], Iterable[psutil.Process]] = tuple

    @classmethod
    def of(cls, pid: int, *files: Path, named: str = "") -> "Signs":
        """The files, and the process `pid` with its descendants, or those with `named` in their command lines."""
        return cls(files, lambda: [member for member in family([pid]) if named in command_line(member)])

    def sizes(self) -> tuple[int, ...]:
        """The size of each file in bytes, 0 where there is none yet."""
        return tuple(path.stat().st_size if path.exists() else 0 for path in self.files)

    def cpu_seconds(self) -> float:
        """What the processes and their ended children have used of a core."""
        return sum(_cpu_seconds(process) for process in self.processes())


class Patience:
    """The patience of one wait: used up when nothing has moved for `limit` seconds.

    Time in which this process did not run itself does not count: it could see nothing move.
    """

    def __init__(
        self,
        awaited: str,
        signs: Signs,
        log: Path,
        *,
        limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._awaited, self._signs, self._log = awaited, signs, log
        self._limit, self._clock = limit or seconds_of_patience(), clock
        self._looked, self._still = clock(), 0.0
        self._sizes, self._cpu = signs.sizes(), signs.cpu_seconds()

    def check(self) -> None:
        """Look whether anything has moved since the last time; cheap enough to be called in every turn of a loop.

        Raises:
            StalledError: nothing has for `limit` seconds.
        """
        passed, pause = self._clock() - self._looked, self._limit / LOOKS
        if passed < pause:
            return
        self._looked = self._clock()
        self._still = 0.0 if self._has_moved() else self._still + min(passed, 5 * pause)
        if self._still >= self._limit:
            raise StalledError(
                f"{self._awaited}: nothing has moved for {_minutes(self._limit)}: no log grew, and no process worked. "
                f"Read {self._log}, then type `make down` and try again; {SETTING}=SECONDS waits longer"
            )

    def _has_moved(self) -> bool:
        sizes, cpu = self._signs.sizes(), self._signs.cpu_seconds()
        # Where a process ended, the sum is smaller than before: that is movement too.
        if sizes == self._sizes and abs(cpu - self._cpu) <= IDLE_SHARE * self._limit:
            return False
        self._sizes, self._cpu = sizes, cpu
        return True


def wait_for(
    look: Callable[[], Found | None],
    patience: Patience,
    *,
    pause: float = 0.1,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """What `look` finds, once it finds something; it is asked every `pause` seconds.

    Raises:
        StalledError: nothing moved for longer than `patience` lasts.
    """
    while not (found := look()):
        patience.check()
        sleep(pause)
    return found


def command_line(process: psutil.Process) -> str:
    """The words of a process, with hyphens as Airflow's commands have them; empty when it is gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).replace("_", "-")
    return ""


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return sum(process.cpu_times()[:4])  # user and system time, its own and that of its ended children
    return 0.0


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} s"
