"""A dataset that is added while the server is up: the next command runs it, although Airflow read the DAG before."""

import pytest

from tests.support import photographs
from tests.support.living import add_living
from tests.support.machine import Machine
from tests.workflow.conftest import SMALL


@pytest.fixture
def machine(tmp_path):
    """A machine of its own, as a dataset more would change what other tests see."""
    (tmp_path / "a person").mkdir()
    machine = Machine(tmp_path / "a person")
    yield machine
    machine.type("down")


def test_a_dataset_can_be_run_as_soon_as_it_was_added(machine, tmp_path):
    """`run` lets Airflow read the DAG again, and waits until the form offers the dataset."""
    code, output = machine.type("up")
    assert code == 0, output
    photographs.more(tmp_path / "shapes", images=120, classes=2)
    add_living(machine.folder / "config", "shapes", tmp_path / "shapes")
    code, output = machine.type("run", "--profile", "smoke", "--datasets", "shapes", *SMALL)
    assert code == 0, output
    assert "success" in output
