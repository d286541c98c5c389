"""A run whose scheduler, API server or whole machine dies, and the run after it: the real thing, killed for real."""

import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tasks.local.server import read_server
from tests.test_end_to_end import MINUTES, Machine

WISH = ("--datasets", "cifar10", "--families", "ann", "--replicates", "1", "--trials", "2")


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.type("down")
    for process in everything(machine):
        process.kill()


def everything(machine):
    """All processes of this machine's run: the command, the server, Airflow, the stages, the object store."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("LIKE_FOR_LIKE_STATE") == str(machine.state):
                found.append(process)
    return found


def component(name):
    """What kills one part of Airflow; its processes give themselves titles, with "-" or "_" in them."""

    def victims(machine):
        return [process for process in everything(machine) if name in title(process)]

    return victims


def title(process):
    """The command line of a process as `airflow api-server`; empty when it is gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).replace("_", "-")
    return ""


def test_what_was_finished_before_a_crash_is_not_done_again(machine):
    """The scheduler is killed, then the API server, then all at once; a fourth run finishes, and redoes no stage."""
    for victims in (component("airflow scheduler"), component("airflow api-server"), everything):
        code, output = killed_run(machine, victims)
        assert code != 0, output
    code, output, report = machine.run(*WISH)
    assert (code, report["status"]) == (0, "complete"), output
    cached = {stage["stage"]: stage["cached"] for stage in report["stages"]}
    assert cached["fetch"], report["stages"]
    assert cached["normalize"], report["stages"]
    assert read_server(machine.state) is None
    assert everything(machine) == []


def killed_run(machine, victims):
    """A run whose `victims` die by SIGKILL while its search is at work; exit status and output."""
    line = [sys.executable, "-m", "tasks.local", "run", "--profile", "smoke", *WISH]
    place = {"cwd": machine.folder, "env": machine.environment, "text": True}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **place)
    output = []
    for text in process.stdout:
        output.append(text)
        if "search" in text and "running" in text:
            dying = victims(machine)
            assert dying, f"nothing to kill among {[title(process) for process in everything(machine)]}"
            for victim in dying:
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(signal.SIGKILL)
            break
    output += process.stdout.readlines()
    return process.wait(timeout=5 * MINUTES), "".join(output)
