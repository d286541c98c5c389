"""Runs that nobody asked for: a dataset has changed, and somebody says so, or `watch_data` finds out."""

import pytest

from tests.support import photographs
from tests.support.airflow_rest import COMPARISON, AirflowRest, awaited
from tests.support.living import add_living
from tests.support.machine import SMALL_RUNS, Machine

SITE = f'{SMALL_RUNS}orchestration.retraining.watch = "0 0 1 1 *"\n'
# Photographs that wait in the folder `later` arrive in the folder `photos` while it is evaluated for the first time.
STAND_IN = """#!/bin/sh
case " $* " in
  *" evaluate "*" flowers "*)
    mv "{folder}/later" "{folder}/arrived" 2>/dev/null && cp -R "{folder}/arrived/." "{folder}/photos/" ;;
esac
exec "{python}" "$@"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A person's machine, with two pinned datasets and a folder of photographs that may change."""
    folder = tmp_path_factory.mktemp("events")
    machine = Machine.of_a_site(folder, SITE, STAND_IN)
    photographs.more(folder / "photos", images=60, classes=2)
    for path in photographs.more(folder / "photos", images=10, classes=2):
        (folder / "later" / path.parent.name).mkdir(parents=True, exist_ok=True)
        path.rename(folder / "later" / path.relative_to(folder / "photos"))
    add_living(folder / "config", "flowers", folder / "photos")
    yield machine
    machine.type("down")


@pytest.fixture(scope="module")
def rest(machine):
    return AirflowRest.of(machine)


@pytest.fixture(scope="module")
def told(rest):
    """The run after an event from outside, for a dataset whose files are pinned."""
    rest.change("cifar10")
    return rest.next_run(0)


def test_an_event_from_outside_starts_a_run_about_that_dataset_alone(rest, told):
    """The other dataset is not touched; the run ends well, and its id ends with letters that no other one has."""
    assert (told["run_type"], told["state"]) == ("asset_triggered", "success")
    states = rest.states(COMPARISON, told)
    assert states["cifar10.train_cnn"] == states["report"] == states["complete"] == "success"
    assert states["fashion_mnist.fetch"] == states["flowers.fetch"] == states["flowers.train_cnn"] == "skipped"


def test_a_second_event_does_nothing(rest, told):
    """With nothing changed, the plan says so and is skipped, and all else with it; the run is no failure."""
    rest.change("cifar10")
    again = rest.next_run(1)
    states = rest.states(COMPARISON, again)
    assert again["state"] == states.pop("complete") == "success"
    assert {task: state for task, state in states.items() if state != "skipped"} == {}


@pytest.fixture(scope="module")
def grown(machine, rest, told):
    """A look at a dataset that was never fetched, and the two runs that come of it: photographs arrive in the first."""
    before = len(rest.runs())
    looked = rest.look()
    awaited(lambda: len(rest.runs()) > before + 1)
    awaited(lambda: not rest.active())
    return looked, rest.runs()[before:]


def test_new_photographs_start_a_run_about_them_alone(rest, grown):
    """`watch_data` starts a run for a dataset that was never fetched. What arrived meanwhile starts another."""
    looked, runs = grown
    assert looked == {"no_run_is_active": "success", "flowers.watch": "success"}
    states = [rest.states(COMPARISON, run) for run in runs]
    assert [(run["run_type"], run["state"]) for run in runs] == 2 * [("asset_triggered", "success")]
    assert {each["flowers.train_cnn"] for each in states} == {each["report"] for each in states} == {"success"}
    assert {each["cifar10.fetch"] for each in states} == {each["fashion_mnist.fetch"] for each in states} == {"skipped"}
    assert [each["flowers.watch"] for each in states] == ["success", "skipped"]


def test_a_look_that_finds_nothing_new_starts_nothing(rest, grown):
    """After the run that read the last photographs the look is skipped, and no run starts."""
    before = len(rest.runs())
    assert rest.look() == {"no_run_is_active": "success", "flowers.watch": "skipped"}
    assert (len(rest.runs()), rest.active()) == (before, [])
