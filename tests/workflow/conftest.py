"""One server for the runs of this tier: each start of Airflow costs as much as a run of tiny data."""

import secrets

import pytest

from tasks.local.server import read_server
from tests.support.machine import Machine, stand_in_python

CANARY = "SOMEBODY_ELSES_TOKEN"
SMALL = ("--replicates", "1", "--trials", "1")
# One budget of one family cannot be searched as long as the folder holds a file `broken`.
STAND_IN = """#!/bin/sh
case " $* " in
  *" search "*" --family cnn --budget 8000 "*) [ -e "{folder}/broken" ] && exit 65 ;;
esac
exec "{python}" "$@"
"""


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A person's machine, with somebody else's secret in its environment."""
    folder = tmp_path_factory.mktemp("a person")
    python = stand_in_python(folder, STAND_IN)
    machine = Machine(folder, STAGE_PYTHON=python, **{CANARY: f"canary-{secrets.token_hex(16)}"})
    yield machine
    machine.type("down")


@pytest.fixture(scope="session")
def up(machine):
    """Its server, started once and left running for every run."""
    code, output = machine.type("up")
    assert code == 0, output
    return read_server(machine.state)


@pytest.fixture(scope="session")
def first(machine, up):
    """The first run on it: both families on one dataset, one training each."""
    return machine.run("--datasets", "cifar10", *SMALL)
