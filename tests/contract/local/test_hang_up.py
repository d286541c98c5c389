"""The terminal's end, as a command of this machine meets it."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tasks.project import PROJECT
from tests.support.patience import PATIENCE

# A command that says that it is at work, and at its end says so too and leaves a file.
WORKING = """
import os, signal, sys, time
from pathlib import Path
from tasks.local import __main__ as command_line

def work(options, console):
    try:
        console.print("at work")
        {meanwhile}
    finally:
        console.print("stopping")
        Path(sys.argv[1]).touch()
    return 0

command_line._command = work
if os.isatty(0):
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # it becomes the terminal of this session
sys.exit(command_line.main(["up"]))
"""
HUNG_UP = "os.kill(os.getpid(), signal.SIGHUP)"


@contextmanager
def hanging_up(handler):
    """During the block what is started finds the signal as `handler` says, however pytest itself was started."""
    usual = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, usual)


@pytest.mark.parametrize(("before", "code"), [(signal.SIG_IGN, 0), (signal.SIG_DFL, 130)])
def test_nohup_is_respected_and_a_hang_up_stops(tmp_path, before, code):
    """Where the signal was ignored on arrival the work goes on; elsewhere it stops as after Ctrl-C."""
    line = [sys.executable, "-c", WORKING.format(meanwhile=HUNG_UP), tmp_path / "ended"]
    with hanging_up(before):
        done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "ended").exists()


def test_a_terminal_that_is_gone_stops_the_work_cleanly(tmp_path):
    """What is said after the terminal's end goes nowhere, and every step of the way out is done."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-c", WORKING.format(meanwhile="time.sleep(600)"), tmp_path / "ended"]
    place = {"cwd": PROJECT, "stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
    with hanging_up(signal.SIG_DFL), subprocess.Popen(line, **place) as process:
        os.close(theirs)
        assert b"at work" in os.read(ours, 1000)
        os.close(ours)
        assert process.wait(PATIENCE) == 130
    assert (tmp_path / "ended").exists()
