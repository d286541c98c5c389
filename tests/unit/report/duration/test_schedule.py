"""A run's stages in time: who waits for whom, with how many slots; and what must have passed between them."""

from dataclasses import replace

import pytest

from tasks.report.duration.schedule import least_pause, makespan, most_at_once
from tasks.settings.place import Place
from tasks.settings.workflow import STAGES
from tasks.settings.workload import expected
from tests.support import synthetic

REQUEST = synthetic.request((synthetic.dataset(), synthetic.dataset("fashion_mnist")), replicates=3)
KEYS = [key for key in expected(REQUEST) if key[0] in STAGES and key[0] != "report"]
ANN = Place("cifar10", "ann")


def taking(**seconds):
    """Every stage of the run, with the seconds of its name; 0 where it is not named."""
    return {key: float(seconds.get(key[0], 0)) for key in KEYS}


def test_a_branch_is_a_chain():
    """With slots for everything, the stages of a branch follow each other; seeds and branches go side by side."""
    tasks = taking(plan=1, fetch=2, normalize=4, search=8, choose=16, train=32, evaluate=64)
    assert makespan(tasks, 100) == 127


def test_trainings_share_the_slots():
    """Four branches of three seeds, of 10 s each, on two slots; what does not train needs no slot."""
    assert makespan(taking(train=10), 2) == 60
    assert makespan(taking(train=10), 5) == 30
    assert makespan(taking(fetch=10), 1) == 10


def test_a_stage_waits_for_all_seeds_of_its_own_branch_alone():
    """The evaluation follows its slowest seed; another branch's slow seed does not hold it up."""
    tasks = taking(evaluate=5) | {("train", replace(ANN, seed=2)): 10.0}
    assert makespan(tasks, 100) == 15
    assert makespan(tasks | {("train", replace(ANN, seed=2)): 0.0, ("search", replace(ANN, shard=0)): 3.0}, 100) == 8


def test_budgets_do_not_wait_for_each_other():
    """At two budgets a branch has two chains."""
    request = REQUEST.model_copy(update={"budgets": (5_000, 8_000)})
    keys = [key for key in expected(request) if key[0] in STAGES and key[0] != "report"]
    tasks = {key: 10.0 * (key[1].budget == 5_000 and key[0] == "search") for key in keys}
    tasks |= {key: 7.0 for key in keys if key[1].budget == 8_000 and key[0] == "evaluate"}
    assert makespan(tasks, 100) == 10


@pytest.mark.parametrize("pause", [0.0, 2.5, 40.0])
def test_the_pause_is_found_from_the_time_that_all_took(pause):
    """Whatever passed before each stage, the whole time tells it."""
    tasks = taking(train=10, normalize=3)
    seconds = makespan({key: work + pause for key, work in tasks.items()}, 2)
    assert least_pause(tasks, 2, seconds) == pytest.approx(pause, abs=0.02)


def test_no_pause_is_negative():
    """A run that was faster than its own stages in a row had more slots than were seen."""
    assert least_pause(taking(train=10), 1, 5.0) == 0.0


def test_what_goes_on_at_once_is_counted():
    """Overlapping spans; one that begins as another ends does not overlap it; without any, one slot is there."""
    assert most_at_once([(0, 10), (5, 15), (9, 11), (15, 20)]) == 3
    assert most_at_once([(0, 10), (10, 20)]) == 1
    assert most_at_once([]) == 1
