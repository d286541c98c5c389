"""One run through the real thing, as `make run` starts it: embedded S3 server, Airflow, stage processes, report."""

import json
import secrets

import numpy as np
import pytest

from tasks.local.processes import leftovers
from tasks.local.server import read_server
from tasks.report.verification import verify_folder
from tests.support import leaks
from tests.support.machine import Machine

CANARY = "SOMEBODY_ELSES_TOKEN"


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    """A person's machine, with somebody else's secret in its environment."""
    return Machine(tmp_path_factory.mktemp("an owner"), **{CANARY: f"canary-{secrets.token_hex(16)}"})


@pytest.fixture(scope="module")
def done(owner):
    """The first run of the smoke profile, which starts and stops everything itself."""
    return owner.run("--replicates", "1", "--trials", "1")


def test_one_command_runs_the_workflow_and_brings_the_report_home(owner, done):
    """Exit status 0, four trained models within 1 % of the budget, numbers that the stored predictions give again.

    The last lines say what to do with the models.
    """
    code, output, report = done
    assert (code, report["status"]) == (0, "complete"), output
    assert "next: make promote" in output
    models = [(dataset, model) for dataset in report["datasets"] for model in dataset["models"]]
    assert [(dataset["name"], model["family"]) for dataset, model in models] == [
        (dataset, family) for dataset in ("cifar10", "fashion_mnist") for family in ("ann", "cnn")
    ]
    latest = owner.folder / "reports" / "latest"
    for dataset, model in models:
        assert abs(model["parameters"] - dataset["budget"]) <= 0.01 * dataset["budget"]
        for replicate in model["replicates"]:
            key = replicate["predictions"].partition(f"reports/{report['run']}/")[2]
            with np.load(latest / key, allow_pickle=False) as stored:
                assert replicate["accuracy"] == pytest.approx((stored["y_true"] == stored["y_pred"]).mean())
                assert (stored["y_prob"].argmax(axis=1) == stored["y_pred"]).all()
    assert {path.name for path in latest.iterdir()} >= {"report.html", "report.md", "report.csv", "report.json"}


def test_every_stage_did_its_own_work(done):
    """On an empty store nothing is taken from an earlier run, and every stage that has a key says how long it took."""
    keyed = [stage for stage in done[2]["stages"] if stage["key"]]
    assert len(keyed) == 2 * (2 + 2 * 4)
    assert not any(stage["cached"] for stage in keyed), keyed
    assert all(stage["seconds"] > 0 for stage in keyed), keyed


def test_the_report_that_came_home_verifies(owner, done):
    """Every number of it is computed again from the predictions that came with it, and every digest agrees."""
    assert verify_folder(owner.folder / "reports" / done[2]["run"]).findings == []


def test_nothing_is_left_running_after_a_run(owner, done):
    """`run` stops what it started: no server, and no process that carries the state folder's mark."""
    assert read_server(owner.state) is None
    assert leftovers(owner.state) == []


def test_no_secret_stands_in_what_a_run_left(owner, done):
    """Airflow's keys, its password and the person's own token are in files of the owner's alone, and in no database."""
    kept = json.loads((owner.state / "airflow" / "secrets.json").read_text())
    known = {**kept, "canary": owner.environment[CANARY]}
    found = leaks.in_files([owner.state, owner.folder / "reports"], known)
    holders = {path for path, names in found.items() if names}
    assert len(found) > 100
    assert "canary" not in set().union(*found.values())
    assert {path.name for path in holders} <= {"secrets.json", "passwords.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders), holders
    tables = leaks.in_database(owner.state / "airflow" / "airflow.db", known)
    assert {table: names for table, names in tables.items() if names} == {}
