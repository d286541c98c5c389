"""Processes are ended with all that they started, and never mistaken for another."""

import os
import subprocess
import sys
import time

import psutil

from tasks.local import processes
from tasks.local.airflow import Airflow

# A parent whose child moves to a session of its own, as Airflow's tasks do, and tells its id.
NEST = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def started(code, log, **environment):
    """A process that runs `code`, and the first line that it prints."""
    process = processes.spawn([sys.executable, "-c", code], log, environment)
    while not log.read_text().endswith("\n"):
        assert process.poll() is None
        time.sleep(0.01)
    return process, log.read_text().strip()


def test_a_process_ends_with_its_descendants(tmp_path):
    """A child that left the session does not outlive the stop."""
    parent, child = started(NEST, tmp_path / "log")
    processes.stop([parent.pid])
    assert not psutil.pid_exists(parent.pid)
    assert not psutil.pid_exists(int(child))


def test_a_process_that_will_not_listen_is_killed(tmp_path):
    """After the grace period SIGKILL follows."""
    process, _ = started(STUBBORN, tmp_path / "log")
    processes.stop([process.pid], grace=0.2)
    assert not psutil.pid_exists(process.pid)


def test_what_a_crash_left_is_found_by_its_mark(tmp_path):
    """A process with this state folder's mark is found, one of another state folder is not."""
    sleep = "print('up', flush=True); import time; time.sleep(60)"
    ours, _ = started(sleep, tmp_path / "ours", **{processes.MARK: str(tmp_path)})
    other, _ = started(sleep, tmp_path / "other", **{processes.MARK: f"{tmp_path}-other"})
    try:
        assert processes.leftovers(tmp_path) == [ours.pid]
    finally:
        processes.stop([ours.pid, other.pid])


def test_a_process_that_gave_itself_a_title_is_found(tmp_path):
    """The API server renames itself, as Airflow does with setproctitle; the mark in its environment stays readable."""
    code = "import setproctitle, time; setproctitle.setproctitle('airflow api_server -- host:127.0.0.1 port:8080'); "
    airflow = Airflow(tmp_path / "airflow", 8099, {processes.MARK: str(tmp_path)})
    ours, _ = started(f"{code} print('up', flush=True); time.sleep(60)", tmp_path / "log", **airflow.environment)
    try:
        assert processes.leftovers(tmp_path) == [ours.pid]
    finally:
        processes.stop([ours.pid])


def test_a_later_process_of_the_same_number_is_another():
    """A process id counts only together with the time of its start."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        born = processes.birth(process.pid)
        assert processes.is_running(process.pid, born)
        assert not processes.is_running(process.pid, born - 100)
        process.kill()
    assert not processes.is_running(process.pid, born)


def test_a_clock_that_is_set_makes_no_process_another(monkeypatch):
    """A process that was described before the machine's clock moved is still known after it, and a namesake is not."""
    me, born = os.getpid(), processes.birth(os.getpid())
    moved = psutil.boot_time() - 3600  # what Linux reports as its boot time once the clock was set back an hour
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: moved)
    assert psutil.Process(me).create_time() < born + moved + 1
    assert processes.is_running(me, born)
    assert not processes.is_running(me, born - 100)


def test_a_missing_process_is_no_error():
    """Stopping what is gone already is fine."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    processes.stop([process.pid])
    assert processes.family([process.pid]) == []
