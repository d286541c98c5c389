"""Several budgets in one run, through the real thing: scheduler, stage processes, report; and one of them fails."""

import json

import pytest

from tasks.report.verification import verify_folder
from tests.workflow.conftest import SMALL

WISH = ("--datasets", "cifar10", *SMALL)
BUDGETS = ("--budgets", "8000,5000")


@pytest.fixture(scope="module")
def broken(machine, up):
    """The run in which one budget of the CNN fails."""
    (machine.folder / "broken").touch()
    found = machine.run(*WISH, *BUDGETS)
    (machine.folder / "broken").unlink()
    return found


@pytest.fixture(scope="module")
def whole(machine, broken):
    """The same again, with nothing in the way."""
    return machine.run(*WISH, *BUDGETS)


def statuses(report):
    return [
        (part["budget"], model["family"], model["status"]) for part in report["datasets"] for model in part["models"]
    ]


def test_a_failed_budget_is_a_gap_of_its_own(machine, broken):
    """The other budget is reported whole, the gap has its reason, only the failed task is named, and the run failed.

    Airflow's last task ends after the report, and its log names the failed task.
    """
    code, output, report = broken
    assert (code, report["status"]) == (1, "partial"), output
    done, failed = [(5_000, "ann", "done"), (5_000, "cnn", "done"), (8_000, "ann", "done")], (8_000, "cnn", "failed")
    assert statuses(report) == [*done, failed], output
    assert report["datasets"][0]["differences"]
    assert "expected search to be done" in report["datasets"][1]["models"][1]["error"]
    assert "The CNN has no result at 8,000 parameters" in report["frontiers"][0]["verdict"]
    lines = [line for line in output.splitlines() if "(log: " in line]
    assert len(lines) == 1, output
    assert lines[0].startswith("cifar10.search_cnn budget 8000"), lines
    (log,) = (machine.state / "airflow" / "logs").glob(
        f"dag_id=*/run_id={report['run']}/task_id=complete/attempt=1.log"
    )
    assert "failed: cifar10.search_cnn; the report names" in log.read_text()


def test_the_next_run_does_what_is_missing_and_nothing_else(machine, broken, whole):
    """All that the failed run finished is reused; every model lies within 1 % of its budget; the numbers verify."""
    code, output, report = whole
    assert (code, report["status"]) == (0, "complete"), output
    made = {(s["stage"], s["family"], s["budget"]) for s in report["stages"] if not s["cached"] and s["key"]}
    assert made == {(stage, "cnn", 8_000) for stage in ("search", "choose", "train", "evaluate")}
    for part in report["datasets"]:
        for model in part["models"]:
            assert abs(model["parameters"] - part["budget"]) <= 0.01 * part["budget"]
    predictions = {r["predictions"] for part in report["datasets"] for m in part["models"] for r in m["replicates"]}
    assert len(predictions) == 4
    assert verify_folder(machine.folder / "reports" / report["run"]).findings == []


def test_a_run_of_one_budget_shares_their_artifacts_and_names_no_budget(machine, whole):
    """The dataset's own budget, asked for by nobody, is the same work: reused whole, under the paths of one budget."""
    code, output, report = machine.run(*WISH)
    assert code == 0, output
    assert all(stage["cached"] for stage in report["stages"] if stage["key"]), output
    assert (report["frontiers"], len(report["datasets"])) == ([], 1)
    predictions = [r["predictions"].rpartition("/")[2] for r in report["datasets"][0]["models"][1]["replicates"]]
    assert predictions == ["cifar10-cnn-seed-0.npz"]
    assert report["datasets"][0]["models"] == same(whole[2]["datasets"][0]["models"], report["run"], whole[2]["run"])


def same(models, run, other):
    """The models of the other run, with the predictions where this run has them."""
    text = json.dumps(models).replace(f"reports/{other}/", f"reports/{run}/").replace("-budget-5000-", "-")
    return json.loads(text)
