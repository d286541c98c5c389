"""Processes of this machine's run: started in groups of their own, and stopped with all that they started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from tasks.project import PROJECT

# Names the state folder in the environment of all that works on it, so that a later start finds what a crash left.
MARK = "LIKE_FOR_LIKE_SERVER"


def spawn(command: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen:
    """Start `command` in the project's folder and a session of its own, deaf to the terminal's Ctrl-C."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=PROJECT,
            start_new_session=True,
        )


def stop(roots: Iterable[int], grace: float = 8.0) -> None:
    """End the processes `roots` and all below them: ask, wait `grace` seconds, then insist."""
    running = family(roots)
    for process in running:
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(running, timeout=grace)
    for process in {*stubborn, *family(process.pid for process in stubborn)}:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=grace)


def family(roots: Iterable[int]) -> list[psutil.Process]:
    """The processes `roots` that still run and all that descend from them, a child before its parent."""
    found: dict[int, psutil.Process] = {}
    for pid in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found |= {member.pid: member for member in [*reversed(process.children(recursive=True)), process]}
    return list(found.values())


def leftovers(state: Path) -> list[int]:
    """The processes of this user that carry the mark of `state`, this one and its parents left out."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in mine and process.environ().get(MARK) == str(state):
                found.append(process.pid)
    return found


def birth(pid: int) -> float:
    """When process `pid` was born, in seconds since the machine was: a clock that is set changes nothing about it.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    return psutil.Process(pid).create_time() - psutil.boot_time()


def is_running(pid: int, born: float) -> bool:
    """Whether process `pid` is the one of that `birth`, not a later namesake."""
    try:
        return abs(birth(pid) - born) < 1 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.send_signal(number)
