"""A start that somebody stops."""

import time

import pytest

from tasks.local.server import supervisor
from tests.support.machine import Machine
from tests.support.patience import PATIENCE


@pytest.fixture
def machine(tmp_path):
    """A person's machine whose store needs no server."""
    return Machine(tmp_path, STORE=(tmp_path / "store").as_uri())


def test_up_and_down_each_say_what_happened_to_a_start(machine):
    """`down` during a start says that it stopped one, `up` that it was stopped; then nothing is left."""
    with machine.begin("up") as up:
        end = time.monotonic() + PATIENCE
        while not (machine.state / "airflow" / "logs" / "prepare.log").exists():
            assert (up.poll(), time.monotonic() < end) == (None, True)
            time.sleep(0.05)
        assert machine.type("down") == (0, "stopped what was starting\n")
        said, _ = up.communicate(timeout=PATIENCE)
    assert up.returncode == 1
    assert said.splitlines()[-1] == "the server was stopped while it started, by `make down` or a signal"
    assert supervisor(machine.state) is None
    assert machine.type("down") == (0, "nothing was up\n")
