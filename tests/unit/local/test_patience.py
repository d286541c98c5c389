"""A wait lasts as long as anything moves, and ends with a clear line when nothing does."""

import itertools
import subprocess
import sys

import psutil
import pytest

from tasks.errors import RequestError
from tasks.local.patience import Patience, Signs, StalledError, seconds_of_patience, wait_for

# A process that works in short bursts, far apart, as on a machine that has little time for it.
SLOW = """
import time
for _ in range(40):
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    time.sleep(0.05)
print("ready", flush=True)
time.sleep(60)
"""
HUNG = "import time; print('started', flush=True); time.sleep(60)"
# What only looks around for something to do, again and again.
IDLE = "import time\nprint('started', flush=True)\nwhile True: time.sleep(0.05)"


class Clock:
    """A clock that moves by its step at each look, so that a test waits for no wall."""

    def __init__(self, step: float):
        self._ticks = itertools.count(0.0, step)

    def __call__(self) -> float:
        return next(self._ticks)


@pytest.fixture
def started(tmp_path):
    """Start a process that runs some code; its id and its log."""
    running = []

    def start(code):
        log = tmp_path / "log"
        with log.open("wb") as output:
            running.append(subprocess.Popen([sys.executable, "-c", code], stdout=output))
        return running[-1].pid, log

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_process_that_moves_slowly_is_waited_for(started):
    """It needs many times the limit, and each burst of work renews the patience."""
    pid, log = started(SLOW)
    # A clock that counts the processor's seconds tenfold: however busy the machine, the limit passes between bursts.
    worked = psutil.Process(pid).cpu_times
    patience = Patience("the test", Signs.of(pid), log, limit=2.0, clock=lambda: 10 * sum(worked()[:2]))
    wait_for(lambda: b"ready" in log.read_bytes(), patience, pause=0.005)
    assert sum(worked()[:2]) * 10 > 5 * 2.0


@pytest.mark.parametrize("code", [HUNG, IDLE], ids=["hung", "idle"])
def test_a_process_that_hangs_is_given_up_with_what_to_do(started, code):
    """The line says what was awaited, for how long nothing moved, which log to read and what to type."""
    pid, log = started(code)
    wait_for(lambda: log.stat().st_size, Patience("the test", Signs.of(pid, log), log))
    patience = Patience("the answer", Signs.of(pid, log), log, limit=300.0, clock=Clock(1.0))
    with pytest.raises(StalledError) as caught:
        wait_for(lambda: None, patience, pause=0.001)
    assert str(caught.value) == (
        "the answer: nothing has moved for 5 minutes: no log grew, and no process worked. "
        f"Read {log}, then type `make down` and try again; LIKE_FOR_LIKE_PATIENCE=SECONDS waits longer"
    )


def test_a_log_that_grows_is_movement(tmp_path):
    """As long as lines come nothing is given up, and the limit counts from the last one."""
    log, looks = tmp_path / "log", itertools.count()

    def look():
        if next(looks) < 50:
            with log.open("a") as stream:
                stream.write("line\n")

    with pytest.raises(StalledError):
        wait_for(look, Patience("the test", Signs((log,)), log, limit=20.0, clock=Clock(1.0)), pause=0)
    assert next(looks) > 50 + 8


def test_time_in_which_we_did_not_run_does_not_count(tmp_path):
    """A laptop that slept for an hour between two looks has lost no patience that matters."""
    moments = iter([0.0, 3600.0, 3600.0, 3601.0, 3601.0])
    patience = Patience("the test", Signs(), tmp_path, limit=300.0, clock=lambda: next(moments))
    patience.check()


def test_only_the_named_processes_count(started):
    """A process whose command line lacks the name is none of the signs."""
    pid, _ = started(SLOW)
    while Signs.of(pid, named="time.sleep").cpu_seconds() == 0:
        assert psutil.pid_exists(pid)
    assert Signs.of(pid, named="no such name").cpu_seconds() == 0


def test_the_owner_of_a_slow_machine_sets_the_patience():
    """One variable sets it for every wait; without it, it is five minutes."""
    assert seconds_of_patience({}) == 300
    assert seconds_of_patience({"LIKE_FOR_LIKE_PATIENCE": "1200"}) == 1200


@pytest.mark.parametrize("given", ["soon", "5", "1e3", "-60", "99999999"])
def test_no_number_of_seconds_is_refused(given):
    """The line says what was expected and what was received."""
    with pytest.raises(RequestError, match=f"LIKE_FOR_LIKE_PATIENCE: expected whole seconds .*, received '{given}'"):
        seconds_of_patience({"LIKE_FOR_LIKE_PATIENCE": given})
