"""The faults of a soak: which comes when, and what each kind does to a machine at work."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shutil import copytree

import psutil

from tasks.local.swift.object_store import ObjectStore
from tests.support.fault_proxy import FaultProxy
from tests.support.machine import Machine, title
from tests.support.small_disk import fill, small_disk

OUTAGE = (5.0, 45.0)  # seconds; a stage waits for its store for 120


@dataclass(frozen=True)
class Plan:
    """What happens in a round: a fault of `kind` after a share `moment` of the undisturbed run.

    An outage lasts `seconds`; of several possible victims `pick`, a share of their number, names one.
    """

    kind: str
    moment: float
    seconds: float
    pick: float


def plans(rounds: int, seed: int, kinds: Sequence[str]) -> list[Plan]:
    """The rounds that `seed` draws: all kinds once, shuffled, then all once more, and so on."""
    generator, drawn = random.Random(seed), []
    while len(drawn) < rounds:
        for kind in generator.sample(kinds, len(kinds)):
            drawn.append(Plan(kind, generator.random(), generator.uniform(*OUTAGE), generator.random()))
    return drawn[:rounds]


class Nothing:
    """No fault: the round that the others are measured by."""

    @contextmanager
    def ready(self, machine: Machine) -> Iterator[Mapping[str, str]]:
        """Prepare `machine` for the round; the variables that lead to its store, none where it is the embedded one."""
        yield {}

    def strike(self, machine: Machine) -> list[str] | None:
        """Do it, and undo what passes; the stages that it hit, or None where there is nothing to hit yet."""
        return None


class Kill(Nothing):
    """SIGKILL of one of the processes that `victims` finds."""

    def __init__(self, victims: Callable[[Machine], dict[psutil.Process, list[str]]], plan: Plan):
        self._victims, self._pick = victims, plan.pick

    def strike(self, machine: Machine) -> list[str] | None:
        found = self._victims(machine)
        with suppress(psutil.NoSuchProcess):
            if found:
                victim = [*found][int(self._pick * len(found))]
                victim.kill()
                return found[victim]
        return None


class Network(Nothing):
    """The way to a store elsewhere is cut: connections are reset, and refused until it is mended."""

    def __init__(self, plan: Plan):
        self._seconds = plan.seconds

    @contextmanager
    def ready(self, machine: Machine) -> Iterator[Mapping[str, str]]:
        with ObjectStore.start(machine.folder / "store") as server:
            self._proxy = FaultProxy(server.environment["AWS_ENDPOINT_URL_S3"])
            try:
                way = {"AWS_ENDPOINT_URL_S3": self._proxy.address}
                yield {"STORE": server.uri, **server.environment, **way}
            finally:
                self._proxy.stop()

    def strike(self, machine: Machine) -> list[str] | None:
        at_work = names(stages(machine))
        host, port = self._proxy.target
        self._proxy.stop()
        time.sleep(self._seconds)
        self._proxy = FaultProxy(f"http://{host}:{port}", self._proxy.server_port)
        return at_work


class Disk(Nothing):
    """The disk under the embedded store is full, until somebody makes room."""

    def __init__(self, plan: Plan):
        self._seconds = plan.seconds

    @contextmanager
    def ready(self, machine: Machine) -> Iterator[Mapping[str, str]]:
        with small_disk(machine.state / "store") as folder:
            try:
                yield {}
            finally:
                copytree(folder, machine.folder / "disk")  # what was on it can be looked at when it is gone

    def strike(self, machine: Machine) -> list[str] | None:
        at_work = names(stages(machine))
        ballast = fill(machine.state / "store")
        time.sleep(self._seconds)
        ballast.unlink()
        return at_work


def stages(machine: Machine) -> dict[psutil.Process, list[str]]:
    """The processes of the stages that are at work, with the stage of each, by name."""
    found = {}
    for process in machine.processes():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words[1:3] == ["-m", "tasks"]:
                family = words[words.index("--family") + 1 :][:1] if "--family" in words else []
                found[process] = [" ".join([words[3], *family])]
    return found


def names(found: Mapping[psutil.Process, list[str]]) -> list[str]:
    """The stages of all of them."""
    return sorted(name for each in found.values() for name in each)


def workers(machine: Machine) -> dict[psutil.Process, list[str]]:
    """Airflow's workers that watch over a stage: the parent of the task's own process, which is the stage's."""
    found = {}
    for process, name in stages(machine).items():
        with suppress(psutil.Error):
            parents = [parent for parent in process.parents() if "LocalExecutor:" in title(parent)]
            found |= dict.fromkeys(parents[:1], name)
    return found


def part(name: str) -> Callable[[Machine], dict[psutil.Process, list[str]]]:
    """What finds the processes with `name` in their title; it is all stages at work that lose them."""

    def victims(machine: Machine) -> dict[psutil.Process, list[str]]:
        at_work = names(stages(machine))
        return {process: at_work for process in machine.processes() if name in title(process)}

    return victims


KINDS: dict[str, Callable[[Plan], Nothing]] = {
    "stage": lambda plan: Kill(stages, plan),
    "worker": lambda plan: Kill(workers, plan),
    "scheduler": lambda plan: Kill(part("airflow scheduler"), plan),
    "store": lambda plan: Kill(part("tasks.local.object-store"), plan),
    "network": Network,
    "disk": Disk,
}


def possible_kinds() -> list[str]:
    """The kinds that this user may cause: a small disk is mounted by root alone."""
    return [kind for kind in KINDS if kind != "disk" or os.geteuid() == 0]
