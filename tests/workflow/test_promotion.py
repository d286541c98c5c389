"""A result, and the person who decides on it: asked in Airflow, by its UI or its REST API, and not for ever.

The gate and the export stand in here for the real ones, which train nothing and take their time.
"""

import pytest

from tasks.local.airflow import Secrets
from tasks.local.server import read_server
from tasks.registry.champions import decisions
from tasks.settings.request import slug
from tasks.storage.location import open_store
from tests.support.airflow_rest import COMPARISON, PROMOTION, AirflowRest, awaited
from tests.support.browser import Browser, needs_browser
from tests.support.machine import SMALL_RUNS, Machine

DATASET, OTHER, SUBJECT = "cifar10", "fashion_mnist", "Make the new CNN the champion of Tiny CIFAR?"
# A waiting task looks often, but not so often that an answer mostly meets a look.
SITE = f"{SMALL_RUNS}orchestration.approval_look_seconds = 30\n"
STAND_IN = """#!/bin/sh
case "$3" in
  judge | promote) shift 2; exec "{python}" -m tests.support.stand_in_gate "{folder}" "$@" ;;
esac
exec "{python}" "$@"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A person's machine, whose gate lets every result pass, and waits three days for an answer."""
    folder = tmp_path_factory.mktemp("promotion")
    machine = Machine.of_a_site(folder, SITE, STAND_IN)
    (machine.folder / "patience").write_text("72")
    yield machine
    machine.type("down")


@pytest.fixture(scope="module")
def rest(machine):
    return AirflowRest.of(machine)


@pytest.fixture(scope="module")
def became(machine, rest):
    """What the store says of a run that is over: the answer, and who gave it."""
    way = read_server(machine.state)["environment"]

    def became(run, dataset=DATASET):
        rest.ended(PROMOTION, run)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in way.items():
                patch.setenv(name, value)
            found = decisions.answer(open_store(way["STORE"]), dataset, slug(run))
        return found.answer, found.who

    return became


@pytest.fixture(scope="module")
def asking(rest):
    """A first result, and the run of `promote_champion` that it started, which asks."""
    compared = rest.ended(COMPARISON, rest.start(COMPARISON, profile="smoke", datasets=[DATASET]))
    (run,) = awaited(lambda: rest.runs(PROMOTION))
    return compared, run, rest.question(run["dag_run_id"])


def test_a_result_asks_and_holds_nothing_up(rest, asking):
    """The comparison is over. Its dataset asks, without a slot of any pool, and no other dataset does."""
    compared, run, question = asking
    assert (compared["state"], rest.states(COMPARISON, compared)["candidates"]) == ("success", "success")
    expected = {
        "datasets": "success",
        "cifar10.judge": "success",
        "cifar10.approve": "awaiting_input",
        "cifar10.promote": "none",
        "fashion_mnist.judge": "skipped",
        "fashion_mnist.approve": "skipped",
        "fashion_mnist.promote": "skipped",
    }
    # It looks now and then, and is seen at work then.
    awaited(lambda: rest.states(PROMOTION, run).items() >= expected.items())
    assert question["subject"] == SUBJECT
    assert f"/reports/{slug(compared['dag_run_id'])})" in question["body"]
    awaited(lambda: set(rest.pools().values()) == {0})


@pytest.fixture(scope="module")
def newer(rest, asking):
    """A second result, and the run that it started."""
    rest.ended(COMPARISON, rest.start(COMPARISON, profile="smoke", datasets=[DATASET]))
    _, run = awaited(lambda: runs if len(runs := rest.runs(PROMOTION)) > 1 else None)
    rest.question(run["dag_run_id"])
    return run["dag_run_id"]


def test_a_newer_result_takes_the_place_of_the_one_that_waits(rest, asking, newer, became):
    """Nobody has answered. The first run ends well, promotes nothing, and says why; the second one asks."""
    run = asking[1]["dag_run_id"]
    assert became(run) == ("superseded", "automatic")
    ended = rest.ended(PROMOTION, run)
    assert (ended["state"], rest.states(PROMOTION, ended)["cifar10.promote"]) == ("success", "skipped")


@needs_browser
def test_a_person_approves_in_the_ui(rest, newer, became, machine, tmp_path):
    """On *Required Actions* stands the question, with its sentence, its link and its buttons; one click answers."""
    url, password = read_server(machine.state)["url"], Secrets.load(machine.state / "airflow").password
    asking = rest.question(newer)["task_instance"]
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{url}/auth/login")
        browser.fill("input[name=username]", "admin")
        browser.fill("input[name=password]", password)
        browser.click("button[type=submit]")
        browser.sees("Welcome")
        approve(browser, url, newer, tmp_path)
        while not rest.counts(asking):
            approve(browser, url, newer, tmp_path)
    assert became(newer) == ("promoted", "admin")


def approve(browser, url, run, pictures):
    """What a person does who approves the candidate of a run."""
    browser.open(f"{url}/required_actions")
    browser.picture_of(SUBJECT, pictures / "list.png")
    browser.click(f"a[href*='{run[-8:]}/']", SUBJECT)  # the list has answered and ended questions, too
    browser.picture_of("it is better", pictures / "question.png")
    assert "/reports/" in browser.link("Read the report")
    browser.click("button", "Approve")
    browser.picture_of("Response received at", pictures / "answered.png")


def test_a_person_refuses(rest, asking, became):
    """Two runs wait at once; each gets its own answer by REST. A refusal is no failure, and is kept with its name."""
    refused, approved = (rest.start(PROMOTION, datasets=[dataset]) for dataset in (DATASET, OTHER))
    questions = {run: rest.question(run) for run in (refused, approved)}
    rest.reply(questions[refused], "Reject")
    rest.reply(questions[approved], "Approve")
    assert (became(refused), became(approved, OTHER)) == (("rejected", "admin"), ("promoted", "admin"))
    ended = rest.ended(PROMOTION, refused)
    states = rest.states(PROMOTION, ended)
    assert (ended["state"], states["cifar10.approve"], states["cifar10.promote"]) == ("success", "success", "skipped")
    assert rest.states(PROMOTION, rest.ended(PROMOTION, approved))["fashion_mnist.promote"] == "success"


def test_nobody_answers(rest, asking, became, machine):
    """When the time of the rules is over, the candidate is not promoted, and the record says so."""
    (machine.folder / "patience").write_text("0.0001")
    assert became(rest.start(PROMOTION, datasets=[DATASET])) == ("unanswered", "automatic")
