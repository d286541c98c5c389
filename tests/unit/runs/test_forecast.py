"""A forecast: it agrees with what execution then finds in the store, and it makes nothing."""

import threading
from copy import copy
from functools import partial

import pytest

from tasks.runs.execution import parts_of_key
from tasks.runs.forecast import Forecast
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.settings.workload import expected
from tasks.storage import provenance
from tests.support.tiny_data import make_configuration, make_mirror
from tests.support.tiny_stages import STAGES, perform


@pytest.fixture
def request_of(tmp_path):
    """The request of a run of the tiny data; its two shards share a search."""
    config = load_configuration(make_configuration(tmp_path / "config"))
    mirror = str(make_mirror(tmp_path / "mirror"))
    return lambda run, **params: resolve(config, Parameters(profile="smoke", **params), run, own_mirror=mirror)


@pytest.fixture
def forecast(store):
    """The forecast of a run on pinned data."""
    return partial(Forecast, store=store, stages=STAGES, version=lambda dataset: None)


def test_an_empty_store_has_nothing(request_of, forecast, store):
    """Before any run no seed is there, and a forecast leaves the store as it was."""
    known = forecast(request_of("r1"))
    assert (known.trained(), known.is_evaluated()) == (0, False)
    assert list(store.list("")) == []


def test_what_a_run_made_is_there_for_the_next(request_of, forecast, store):
    """Every seed of the run before counts, in all branches; what was measured was measured at so many seeds."""
    perform(request_of("r1", replicates=3), store)
    known = forecast(request_of("r2"))
    assert known.trained() == 3
    assert [known.with_replicates(number).is_evaluated() for number in (2, 3, 4)] == [False, True, False]


def test_the_branch_with_the_fewest_seeds_counts(request_of, forecast, store):
    """One dataset has five seeds and the other two: a run over both finds two."""
    perform(request_of("r1", replicates=2), store)
    perform(request_of("r2", datasets=("cifar10",), replicates=5), store)
    assert forecast(request_of("r3")).trained() == 2
    assert forecast(request_of("r3", datasets=("cifar10",))).trained() == 5


@pytest.mark.parametrize("missing", ["fetch", "normalize", "search", "choose", "train"])
def test_what_an_artifact_is_made_from_must_be_there_too(request_of, forecast, store, missing):
    """A run would do again what is gone, whatever its own results look like; so nothing after it counts."""
    perform(request_of("r1"), store)
    for key in list(store.list(f"artifacts/{missing}/")):
        if key.endswith("/manifest.json"):
            store.delete(key)
    assert forecast(request_of("r2")).trained() == 0


@pytest.mark.parametrize("change", [{"epochs": 3}, {"trials": 3}, {"budgets": (6000,)}, {"force": ("search",)}])
def test_a_change_of_the_request_is_seen(request_of, forecast, store, change):
    """Settings that a key covers are a change; so is a stage that is to be done again."""
    perform(request_of("r1"), store)
    assert forecast(request_of("r2")).trained() == 2
    assert forecast(request_of("r2", **change)).trained() == 0


def test_a_change_of_a_library_is_seen(request_of, forecast, store, monkeypatch):
    """After an upgrade that can change numbers there is nothing yet."""
    perform(request_of("r1"), store)
    monkeypatch.setattr(provenance.metadata, "version", lambda name: "99.1.0")
    assert forecast(request_of("r2")).trained() == 0


def test_a_damaged_manifest_is_no_result(request_of, forecast, store):
    """What execution would make again is not there."""
    perform(request_of("r1", datasets=("cifar10",), families=("ann",)), store)
    (key,) = (key for key in store.list("artifacts/choose/") if key.endswith("/manifest.json"))
    store.write(key, b"{")
    assert forecast(request_of("r2", datasets=("cifar10",), families=("ann",))).trained() == 0


def test_a_killed_training_does_not_count(request_of, forecast, store):
    """Seeds are counted from the first one on, without gaps: two of three count when the second one is gone."""
    perform(request := request_of("r1", datasets=("cifar10",), families=("ann",), replicates=3), store)
    from tasks.runs.records import read_record

    record = read_record(store, "r1", Place("cifar10", "ann", request.seed + 1), "train")
    store.delete(f"artifacts/train/{record['key']}/manifest.json")
    assert forecast(request).trained() == 1


def test_nothing_is_looked_up_twice(request_of, forecast, store):
    """Who asks first whether seeds are to be added, and then what is there, reads each manifest once."""
    perform(request_of("r1", replicates=3), store)
    read, own = [], store.read
    counting = copy(store)
    counting.read = lambda key: read.append(key) or own(key)
    known = forecast(request_of("r2"), store=counting)
    known.trained()
    grown = known.with_replicates(3)
    assert grown.is_evaluated()
    keys = [key for key in expected(grown.request) if key[0] in STAGES]
    assert grown.there(keys) == {*keys}
    assert len(read) == len({*read})


def test_only_one_thread_makes_keys(request_of, forecast, store, monkeypatch):
    """A key parses code, and Python 3.11 may fail where two threads do so at once; only the store is asked in many."""
    perform(request_of("r1"), store)
    request, threads = request_of("r2"), set()

    def parts(*given):
        threads.add(threading.current_thread())
        return parts_of_key(*given)

    monkeypatch.setattr("tasks.runs.forecast.parts_of_key", parts)
    keys = [key for key in expected(request) if key[0] in STAGES]
    assert forecast(request).there(keys) == {*keys}
    assert threads == {threading.main_thread()}
