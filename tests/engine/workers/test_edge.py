"""An Edge worker behind NAT takes the trainings; the head, which cannot reach it, does everything else."""

import pytest

from tests.engine.conftest import missing
from tests.engine.workers import runs, servers
from tests.engine.workers.head import running
from tests.engine.workers.hosts import hosts, lacking
from tests.engine.workers.worker import Worker
from tests.support.results import numbers

TRAINING = ("search_", "train_", "evaluate_")


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    if reason := lacking() or servers.lacking():
        missing(reason)
    with hosts(tmp_path_factory.mktemp("hosts"), ["head"], behind_nat="gpu-box") as found:
        yield found


@pytest.fixture(scope="module")
def head(machines, tmp_path_factory):
    with running(machines["head"], tmp_path_factory.mktemp("team"), "edge") as found:
        yield found


@pytest.fixture(scope="module")
def box(machines, head):
    found = Worker(machines["gpu-box"], head)
    found.join()
    return found


@pytest.fixture(scope="module")
def undisturbed(head, box):
    return runs.finished(head, "undisturbed")


def test_what_trains_goes_to_the_box_and_everything_else_stays(head, undisturbed):
    """The executors and queues of the settings decide, task by task."""
    assert undisturbed["status"] == "complete"
    trained = {row["hostname"] for kind in TRAINING for row in runs.rows(head, "undisturbed", kind)}
    others = {
        row["hostname"] for row in runs.rows(head, "undisturbed") if not any(k in row["task_id"] for k in TRAINING)
    }
    assert (trained, others) == ({"gpu-box"}, {"head"})


def test_nobody_reaches_the_box_and_its_logs_come_all_the_same(head, machines, undisturbed):
    """It stands behind a router that translates addresses. What its stages said can be read at the head."""
    with pytest.raises(AssertionError, match="exit code"):
        machines["head"].type(f"ping -c 1 -W 3 {machines['gpu-box'].address}", servers.BASE)
    assert "val_accuracy" in head.log(runs.rows(head, "undisturbed", "train_cnn")[0])


def test_a_box_that_is_switched_off_in_a_training_goes_on_when_it_is_back(head, box, undisturbed):
    """Its tasks are missed, and tried again once it has joined anew, from their checkpoints."""
    runs.start(head, "switched-off")
    row = runs.in_training(head, "switched-off")
    box.host.power_off()
    box.start()
    assert numbers(runs.ended(head, "switched-off")) == numbers(undisturbed)
    assert runs.again(head, "switched-off", row)["try_number"] > 1
