"""Celery workers on two hosts of their own: the smoke profile undisturbed, and with what happens to machines."""

import time

import pytest

from tests.engine.conftest import missing
from tests.engine.workers import runs, servers
from tests.engine.workers.head import running
from tests.engine.workers.hosts import hosts, lacking
from tests.engine.workers.worker import Worker
from tests.support.results import numbers

CUT = 60  # seconds without a cable
COMMANDS = 10  # at most, on a new machine


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    if reason := lacking() or servers.lacking():
        missing(reason)
    with hosts(tmp_path_factory.mktemp("hosts"), ["head", "worker-1", "worker-2"]) as found:
        yield found


@pytest.fixture(scope="module")
def head(machines, tmp_path_factory):
    with running(machines["head"], tmp_path_factory.mktemp("team"), "celery") as found:
        yield found


@pytest.fixture(scope="module")
def workers(machines, head):
    """The two workers, by the names of their hosts."""
    found = {name: Worker(machines[name], head) for name in ("worker-1", "worker-2")}
    for worker in found.values():
        worker.join()
    return found


@pytest.fixture(scope="module")
def undisturbed(head, workers):
    return runs.finished(head, "undisturbed")


def test_a_machine_joins_in_ten_commands(workers):
    """What a person types on a new machine, from nothing to a worker that takes tasks."""
    assert {worker.lines for worker in workers.values()} == {COMMANDS}


def test_both_workers_take_their_share(head, undisturbed):
    """Every task ran on a worker, none on the head, and each worker trained."""
    assert undisturbed["status"] == "complete"
    assert runs.places(head, "undisturbed") == {"worker-1", "worker-2"}
    assert runs.places(head, "undisturbed", "train_") == {"worker-1", "worker-2"}


def test_a_workers_log_can_be_read_at_the_head(head, undisturbed):
    """What a stage said stands in the log of its task, which the API server fetches from the worker."""
    row = runs.rows(head, "undisturbed", "train_cnn")[0]
    assert "val_accuracy" in head.log(row)


def test_no_worker_knows_the_database_or_the_stores_keys(machines, head, undisturbed):
    """A worker's files and environment hold neither; it gets the keys with a task, and forgets them."""
    for name in ("worker-1", "worker-2"):
        assert runs.leaked(machines[name], head) == set()


def test_a_worker_that_dies_in_a_training_is_replaced(head, workers, undisturbed):
    """The power of a host is cut in the middle of a training: another worker goes on from the checkpoint."""
    runs.start(head, "killed")
    row = runs.in_training(head, "killed")
    victim = workers[row["hostname"]]
    victim.host.power_off()
    report = runs.ended(head, "killed")
    victim.start()
    assert numbers(report) == numbers(undisturbed)
    again = runs.again(head, "killed", row)
    assert again["try_number"] > 1
    assert again["hostname"] != row["hostname"]
    assert "goes on after epoch" in head.log(again)


def test_a_cable_that_is_pulled_for_a_minute_loses_nothing(head, workers, undisturbed):
    """A worker in the middle of a training reaches neither the API server nor the store nor the broker for a while."""
    runs.start(head, "cut")
    row = runs.in_training(head, "cut")
    with workers[row["hostname"]].host.unplugged():
        time.sleep(CUT)
    assert numbers(runs.ended(head, "cut")) == numbers(undisturbed)


def test_a_scheduler_that_dies_and_comes_back_loses_nothing(head, workers, undisturbed):
    """Workers go on with what they have; the next scheduler takes over the run as it stands."""
    runs.start(head, "headless")
    runs.in_training(head, "headless")
    head.kill("scheduler")
    time.sleep(10)
    head.start("scheduler")
    assert numbers(runs.ended(head, "headless")) == numbers(undisturbed)
