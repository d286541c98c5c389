"""What of a soak is pure: the choice of its faults, what it compares, the table that it ends with."""

import pytest

from tasks.comparison.assembly import compare
from tests.soak.faults import KINDS, OUTAGE, plans
from tests.soak.rounds import Moment
from tests.soak.table import differences, line, table
from tests.support import synthetic
from tests.support.results import numbers


@pytest.mark.parametrize("rounds", [1, 6, 20])
def test_every_kind_of_fault_comes_about_equally_often(rounds):
    """No kind is ever more than one round ahead of another; moments and outages stay within their bounds."""
    drawn = plans(rounds, seed=7, kinds=[*KINDS])
    counts = [sum(plan.kind == kind for plan in drawn) for kind in KINDS]
    assert len(drawn) == rounds
    assert max(counts) - min(counts) <= 1
    assert all(0 <= plan.moment < 1 and 0 <= plan.pick < 1 for plan in drawn)
    assert all(OUTAGE[0] <= plan.seconds <= OUTAGE[1] for plan in drawn)


def test_a_seed_draws_the_same_faults_again():
    """A longer soak of the same seed begins with the rounds of the shorter one, so that it can go on; others differ."""
    assert plans(20, seed=7, kinds=[*KINDS])[:9] == plans(9, seed=7, kinds=[*KINDS])
    assert plans(20, seed=8, kinds=[*KINDS]) != plans(20, seed=7, kinds=[*KINDS])


def test_a_moment_is_told_by_what_was_done_by_then():
    """A share of the undisturbed run's time is so many tasks done, and the seconds since the last of them."""
    finished = [1.0, 4.0, 4.0, 10.0]
    assert Moment.at(0.0, finished) == (0, 0.0)
    assert Moment.at(0.05, finished) == (0, 0.5)
    assert Moment.at(0.4, finished) == (3, 0.0)
    assert Moment.at(0.9, finished) == (3, 5.0)


@pytest.fixture
def report():
    """A report of two models; each call has its own."""

    def made(run="quick-1", slower=1.0):
        params = synthetic.request().model_copy(update={"run": run})
        branches = synthetic.everything(params)
        for replicate in (each for branch in branches for each in branch.replicates):
            replicate.training["train_seconds"] *= slower
            replicate.evaluation["model_bytes"] += int(slower)
        records = [record | {"seconds": record["seconds"] * slower} for record in synthetic.records(params)]
        made = compare(params, branches, records, synthetic.facts(params), synthetic.ENVIRONMENT)
        return made.model_dump(mode="json")

    return made


def test_two_runs_of_one_request_have_the_same_numbers(report):
    """Clocks, sizes and names of runs may differ."""
    first, second = report(), report("quick-2", slower=3.7)
    assert first != second
    assert differences(numbers(first), numbers(second)) == []


COMPARED = ["accuracy", "f1_macro", "log_loss", "val_loss", "p_value", "low", "parameters", "score", "learning_rate"]


@pytest.mark.parametrize("name", COMPARED)
def test_a_number_of_a_report_that_changes_is_named(report, name):
    """Measured, trained or tested: a number that changes in its last digits is one line, with its place and values."""
    expected, received = numbers(report()), numbers(report())
    place = next(place for place in received if place.endswith(f".{name}"))
    received[place] += 1e-9
    said = f"report: {place}: expected {expected[place]!r}, received "
    assert differences(expected, received) == [f"{said}{received[place]!r}"]
    del received[place]
    assert differences(expected, received) == [f"{said}None"]


def found(kind, hit, wrong=()):
    return {
        "round": 1, "kind": kind, "moment": 0.3, "hit": hit, "typed": 2, "retries": 1, "seconds": 90.0,
        "wrong": list(wrong),
    }  # fmt: skip


def test_the_table_counts_by_kind():
    """Rounds, faults that hit, their stages, commands, retries, the median time, and the rounds that went wrong."""
    rounds = [found("stage", ["train cnn"]), found("stage", None), found("disk", ["train ann", "train cnn"], ["x"])]
    rows = table(rounds, undisturbed=70.0).splitlines()[2:]
    assert rows == [
        "| stage | 2 | 1 | train 1 | 4 | 2 | 90 s | 70 s | 2 of 2 |",
        "| disk | 1 | 1 | train 2 | 2 | 1 | 90 s | 70 s | 0 of 1 |",
        "| all | 3 | 2 | train 3 | 6 | 3 | 90 s | 70 s | 2 of 3 |",
    ]


def test_a_round_that_went_wrong_says_why():
    """Its line ends with WRONG, and what was wrong stands below."""
    assert line(found("stage", ["plan"])).endswith(": equal")
    assert line(found("stage", [], ["left running: sleep"])).splitlines()[1] == "    left running: sleep"
