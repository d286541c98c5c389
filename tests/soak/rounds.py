"""One round of a soak: a machine of its own, a run, a fault, the run typed again where it ended, and what was found."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tests.soak.faults import Nothing
from tests.support.machine import Machine, title
from tests.support.patience import PATIENCE
from tests.support.results import keys, manifests, numbers

LIMIT = 3 * PATIENCE  # many times what a round takes; a busy machine is no fault
TYPED = 3  # times at most: each round has one fault
POLL = 0.1
RUN = re.compile(r"^run (\S+)$", re.MULTILINE)


class Moment(NamedTuple):
    """When a fault strikes: `seconds` after so many `tasks` were done, as a busy machine takes longer for each."""

    tasks: int
    seconds: float

    @classmethod
    def at(cls, share: float, finished: Sequence[float]) -> "Moment":
        """After that share of the time of a run whose tasks were `finished` then."""
        passed = [0.0, *(end for end in finished if end <= share * finished[-1])]
        return cls(len(passed) - 1, share * finished[-1] - passed[-1])


START = Moment(0, 0.0)


@dataclass
class Result:
    """What a round brought.

    Attributes:
        seconds: from the first command typed to the end of the last one.
        finished: when each task was seen to be done, in seconds from the run's trigger.
        hit: the stages that the fault hit; None where it found nothing to hit.
        typed, retries: how often the command was typed, and how often Airflow tried a task again.
        wrong: what is not as it must be, a line each.
        numbers: of the report, by place.
    """

    seconds: float = 0.0
    finished: list[float] = field(default_factory=list)
    hit: list[str] | None = None
    typed: int = 0
    retries: int = 0
    wrong: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)


class Round:
    """A round in `folder`, whose Airflow begins as a copy of `prepared`, where there is one.

    The fault strikes `moment.seconds` after so many of the run's tasks were done.
    """

    def __init__(self, folder: Path, datasets: str, fault: Nothing, moment: Moment, prepared: Path | None = None):
        folder.mkdir(parents=True)
        self.machine = Machine(folder, STORE="", RUNNER="")  # whatever our own environment asks for
        self._fault, self._moment = fault, moment
        if prepared:
            shutil.copytree(prepared, self.machine.state / "airflow", ignore=shutil.ignore_patterns("logs"))
        self._line = ["run", "--profile", "smoke", *(["--datasets", datasets] if datasets else [])]
        self._log = folder / "typed.log"
        self._over = threading.Event()
        self.result = Result()

    def play(self) -> Result:
        """The whole round; whatever it leaves running is a finding, and is ended."""
        with self._fault.ready(self.machine) as store, ThreadPoolExecutor(1) as striker:
            self.machine.environment |= store
            strike = striker.submit(self._strike)
            try:
                done = self._type_until_done()
            finally:
                self._over.set()
                self._end_what_is_left()
            self.result.hit = strike.result()
            self.result.retries = self._retries()
            if self.result.typed > 1 and self.result.hit is None:
                self.result.wrong.append(f"typed {self.result.typed} times, though nothing was hit")
            if done:
                self._look(store)
        return self.result

    def _strike(self) -> list[str] | None:
        """Wait for the moment, and then for something to hit; what it was."""
        while not (self._runs() and len(self.result.finished) >= self._moment.tasks) and not self._over.wait(POLL):
            pass
        hit = None
        self._over.wait(self._moment.seconds)
        while hit is None and not self._over.wait(POLL):
            hit = self._fault.strike(self.machine)
        return hit

    def _type_until_done(self) -> bool:
        """Type the command until it succeeds; False, and a finding, when it does not."""
        start, code = time.monotonic(), None
        while code != 0 and self.result.typed < TYPED:
            self.result.typed += 1
            code = self._type(start)
            self.result.seconds = round(time.monotonic() - start, 1)
            if code is None:
                break
        if code != 0:
            how = f"still at work after {LIMIT} s" if code is None else f"the last one ended with {code}"
            self.result.wrong.append(f"typed {self.result.typed} times, {how}")
        return code == 0

    def _type(self, start: float) -> int | None:
        """Type the command once; its exit status, None when the time is over of a round that began at `start`."""
        with self._log.open("a") as log:
            process = self.machine.begin(*self._line, output=log)
        triggered = start
        while process.poll() is None and time.monotonic() < start + LIMIT:
            said = self._log.read_text()
            triggered = triggered if RUN.search(said) else time.monotonic()
            new = len(re.findall(" success ", said)) - len(self.result.finished)
            self.result.finished += [round(time.monotonic() - triggered, 1)] * new
            time.sleep(POLL)
        return process.poll()

    def _runs(self) -> list[str]:
        """The names of the runs that were triggered."""
        return RUN.findall(self._log.read_text()) if self._log.exists() else []

    def _end_what_is_left(self) -> None:
        for process in self.machine.processes():
            self.result.wrong.append(f"left running: {title(process)}")
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _retries(self) -> int:
        """How often Airflow tried a task of the round's runs again."""
        runs, database = self._runs(), self.machine.state / "airflow" / "airflow.db"
        query = f"SELECT SUM(MAX(try_number - 1, 0)) FROM task_instance WHERE run_id IN ({','.join('?' * len(runs))})"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, runs).fetchone()[0] or 0

    def _look(self, store: Mapping[str, str]) -> None:
        """The report, the artifacts, and what `verify` says of both."""
        report = self.machine.report()
        self.result.numbers = numbers(report)
        with self._opened(store) as variables:
            made = Counter((each.stage, each.made["place"]) for each in manifests(variables))
            if made != (places := Counter(keys(report).keys())):
                self.result.wrong.append(f"manifests: too many {made - places}, missing {places - made}")
            line = [sys.executable, "-m", "tasks", "verify", report["run"]]
            place = {"cwd": PROJECT, "env": os.environ | variables}
            audit = subprocess.run(line, capture_output=True, text=True, check=False, **place)
            if audit.returncode:
                self.result.wrong += [f"verify: {said}" for said in (audit.stdout + audit.stderr).splitlines()]

    @contextmanager
    def _opened(self, store: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """The variables that lead to the store, which is served again when it is the embedded one."""
        if store:
            yield store
            return
        with ObjectStore.start(self.machine.state / "store") as server:
            yield {"STORE": server.uri, **server.environment}
