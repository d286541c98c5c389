"""A run whose scheduler, API server or whole machine dies, and the run after it: the real thing, killed for real."""

import signal
from contextlib import suppress

import psutil
import pytest

from tasks.local.server import read_server
from tests.support.machine import Machine, title
from tests.support.patience import PATIENCE

WISH = ("--datasets", "cifar10", "--families", "ann", "--replicates", "1", "--trials", "2")


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.type("down")
    for process in machine.processes():
        process.kill()


def component(name):
    """What kills one part of Airflow; its processes give themselves titles, with "-" or "_" in them."""

    def victims(machine):
        return [process for process in machine.processes() if name in title(process)]

    return victims


def test_what_was_finished_before_a_crash_is_not_done_again(machine):
    """The scheduler is killed, then the API server, then all at once; a fourth run finishes, and redoes no stage."""
    for victims in (component("airflow scheduler"), component("airflow api-server"), Machine.processes):
        code, output = killed_run(machine, victims)
        assert code != 0, output
    code, output, report = machine.run(*WISH)
    assert (code, report["status"]) == (0, "complete"), output
    cached = {stage["stage"]: stage["cached"] for stage in report["stages"]}
    assert (cached["fetch"], cached["normalize"]) == (True, True), cached
    assert read_server(machine.state) is None
    assert machine.processes() == []


def killed_run(machine, victims):
    """A run whose `victims` die by SIGKILL while its search is at work; exit status and output."""
    process = machine.begin("run", "--profile", "smoke", *WISH)
    output = []
    for text in process.stdout:
        output.append(text)
        if "search_ann" in text and "running" in text:  # not `searches`, which lists them before normalize has ended
            dying = victims(machine)
            assert dying, f"nothing to kill among {[title(process) for process in machine.processes()]}"
            for victim in dying:
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(signal.SIGKILL)
            break
    output += process.stdout.readlines()
    return process.wait(timeout=PATIENCE), "".join(output)
