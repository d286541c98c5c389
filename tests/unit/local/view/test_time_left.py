"""How far a run is: counted from its request, and measured on its finished tasks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.comparison.words.wording import rounded
from tasks.local.view.time_left import Observed, Outlook, outlook
from tasks.settings.place import Place
from tasks.settings.workload import expected
from tests.support import synthetic

REQUEST = synthetic.request((synthetic.dataset(), synthetic.dataset("fashion_mnist")), replicates=2)
KEYS = list(expected(REQUEST))
CNN = Place("cifar10", "cnn")


def test_every_task_of_the_request_is_counted_before_it_exists():
    """Mapped tasks that are not expanded count as what they will become: shards, seeds and budgets."""
    assert outlook(REQUEST, {}, 2) == Outlook(0, len(KEYS), None)
    # plan, datasets, replicates, searches, shards, report, candidates, complete; fetch, budgets, normalize;
    # search, choose, 2 x train, evaluate
    assert len(KEYS) == 8 + 2 * 3 + 2 * 2 * 5
    assert len(list(expected(REQUEST.model_copy(update={"budgets": (5_000, 8_000)})))) == 8 + 2 * 3 + 2 * 2 * 2 * 5


def test_an_unexpanded_task_that_will_never_run_counts_for_all_it_would_become():
    """When a search failed, Airflow ends its trainings as one task; both of them are done then."""
    assert outlook(REQUEST, {("train", CNN): Observed(done=True)}, 2).done == 2


def test_nothing_is_guessed_before_a_training_was_measured():
    """Downloads, failures and reused results say nothing of how long a training takes."""
    finished = {("fetch", Place("cifar10")): Observed(done=True, seconds=60)}
    for telling in (False, True):
        found = outlook(REQUEST, finished | {("search", Place(*_names(CNN), shard=0)): Observed(True, 90, telling)}, 2)
        assert (found.seconds is not None) == telling
    assert str(outlook(REQUEST, finished, 2)) == f"1 of {len(KEYS)} tasks"


def _names(place):
    return place.dataset, place.family


def test_the_rest_is_what_finished_tasks_of_its_kind_took():
    """One of two trainings of 60 s is left: its time is the one that is measured, less what it has run."""
    observed = {key: Observed(done=True, seconds=1, telling=False) for key in KEYS}
    observed["train", Place(*_names(CNN), seed=0)] = Observed(done=True, seconds=60)
    other = "train", Place(*_names(CNN), seed=1)
    for ran, left in ((None, 60), (20, 40), (70, 0)):
        assert outlook(REQUEST, observed | {other: Observed(done=False, seconds=ran)}, 2).seconds == pytest.approx(left)


def test_slots_share_the_work():
    """Eight equal trainings take half as long on four slots as on two."""
    observed = {key: Observed(done=True, telling=False) for key in KEYS}
    observed |= {key: Observed(done=False) for key in KEYS if key[0] == "train"}
    observed |= {key: Observed(done=True, seconds=10) for key in KEYS if key[0] == "search"}
    two, four = (outlook(REQUEST, observed, slots).seconds for slots in (2, 4))
    assert two == 2 * four == 8 / 2 * 10 * REQUEST.training.epochs / REQUEST.search.trials / REQUEST.search.fraction


STATES = st.builds(Observed, st.booleans(), st.none() | st.floats(0, 1e6), st.booleans())


@given(st.dictionaries(st.sampled_from(KEYS), STATES), st.integers(0, 64))
def test_the_time_left_is_never_negative(observed, slots):
    """Whatever has been seen; and the tasks that are done are those that were seen done."""
    found = outlook(REQUEST, observed, slots)
    assert found.seconds is None or found.seconds >= 0
    assert found.done == sum(task.done for task in observed.values())


@given(st.lists(st.floats(0, 1e5), min_size=len(KEYS), max_size=len(KEYS)))
def test_the_time_left_falls_to_nothing(durations):
    """When all tasks are done nothing is left, and only their number is said."""
    observed = {key: Observed(done=True, seconds=seconds) for key, seconds in zip(KEYS, durations, strict=True)}
    found = outlook(REQUEST, observed, 2)
    assert found == Outlook(len(KEYS), len(KEYS), 0.0)
    assert str(found) == f"{len(KEYS)} of {len(KEYS)} tasks"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "5 s"), (12, "10 s"), (56, "55 s"), (58, "1 min"), (200, "3 min"), (3599, "1 h 0 min"), (5000, "1 h 20 min")],
)
def test_a_duration_is_rounded_as_people_say_it(seconds, said):
    """Nobody is told more than is known."""
    assert rounded(seconds) == said
    assert str(Outlook(1, 2, seconds)) == f"1 of 2 tasks, about {said} left"
