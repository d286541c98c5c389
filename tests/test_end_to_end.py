"""The smoke profile through the real thing: embedded S3 server, Airflow's scheduler, stage processes, report."""

import json
import shutil
import urllib.error
import urllib.request

import numpy as np
import pytest

from tasks.local.airflow import Secrets
from tasks.local.server import read_server
from tests.machine import MINUTES, Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("a person"))
    yield machine
    machine.type("down")


@pytest.fixture(scope="module")
def first(machine):
    """The first run, which starts and stops everything itself."""
    return machine.run()


@pytest.fixture(scope="module")
def up(machine, first):
    """The server, left running for the runs that follow."""
    code, output = machine.type("up")
    assert code == 0, output
    return read_server(machine.state)


def test_one_command_runs_the_workflow_and_brings_the_report_home(machine, first):
    """Exit status 0, four trained models within 1 % of the budget, numbers that the stored predictions give again."""
    code, output, report = first
    assert (code, report["status"]) == (0, "complete"), output
    models = [(dataset, model) for dataset in report["datasets"] for model in dataset["models"]]
    assert [(dataset["name"], model["family"]) for dataset, model in models] == [
        (dataset, family) for dataset in ("cifar10", "fashion_mnist") for family in ("ann", "cnn")
    ]
    latest = machine.folder / "reports" / "latest"
    for dataset, model in models:
        assert abs(model["parameters"] - dataset["budget"]) <= 0.01 * dataset["budget"]
        for replicate in model["replicates"]:
            key = replicate["predictions"].partition(f"reports/{report['run']}/")[2]
            with np.load(latest / key, allow_pickle=False) as stored:
                assert replicate["accuracy"] == pytest.approx((stored["y_true"] == stored["y_pred"]).mean())
                assert (stored["y_prob"].argmax(axis=1) == stored["y_pred"]).all()
    assert {path.name for path in latest.iterdir()} >= {"report.html", "report.md", "report.csv", "report.json"}


def test_nothing_is_left_running_after_a_run(machine, first):
    """`run` stops what it started: no server, and no process that carries the state folder's mark."""
    from tasks.local.processes import leftovers

    assert read_server(machine.state) is None
    assert leftovers(machine.state) == []


def test_a_second_run_reuses_every_stage(machine, first, up):
    """With nothing changed every keyed stage is cached, and the numbers are the same."""
    code, output, report = machine.run()
    assert code == 0, output
    keyed = [stage for stage in report["stages"] if stage["stage"] not in ("plan", "report")]
    assert len(keyed) == 28
    assert all(stage["cached"] for stage in keyed), keyed
    assert accuracies(report) == accuracies(first[2])


def test_a_changed_setting_redoes_only_what_depends_on_it(machine, first, up):
    """Another number of epochs retrains and re-evaluates; data and searches are reused."""
    code, output, report = machine.run("--epochs", "3")
    assert code == 0, output
    made = {stage["stage"] for stage in report["stages"] if not stage["cached"]} - {"plan", "report"}
    reused = {stage["stage"] for stage in report["stages"] if stage["cached"]}
    assert made == {"train", "evaluate"}
    assert reused == {"fetch", "normalize", "search", "choose"}


def test_a_broken_mirror_costs_one_dataset_and_the_gap_is_named(machine, first, up):
    """The other dataset is reported, the failed one is a row with its reason, the exit status is not 0."""
    broken = shutil.copytree(machine.mirror, machine.folder / "broken")
    (broken / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"nothing like it")
    wish = ("--force", "--families", "ann", "--trials", "1", "--replicates", "1", "--mirror", str(broken))
    code, output, report = machine.run(*wish)
    assert (code, report["status"]) == (1, "partial"), output
    cifar, fashion = (dataset["models"][0] for dataset in report["datasets"])
    assert (cifar["status"], fashion["status"]) == ("failed", "done")
    assert "fetch" in cifar["error"]
    assert "expected a whole .tar.gz" in cifar["error"]
    assert "cifar10.fetch" in output


def test_the_report_page_is_for_those_who_are_logged_in(machine, first, up):
    """The UI's report page is refused without a token, and comes with one, under a policy that lets no script run."""
    run = first[2]["run"]
    assert status(f"{up['url']}/reports/{run}") == 401
    token = sign_in(up["url"], Secrets.load(machine.state / "airflow").password)
    request = urllib.request.Request(f"{up['url']}/reports/{run}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=MINUTES) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert run in answer.read().decode()


def test_the_secrets_stay_out_of_everything_that_the_run_left(machine, first, up):
    """The store's secret and Airflow's password stand in no log, report, artifact or database."""
    secret = up["environment"]["AWS_SECRET_ACCESS_KEY"].encode()
    password = Secrets.load(machine.state / "airflow").password.encode()
    owners_alone = {"server.json", "connection.json", "secrets.json", "passwords.json", "proxy.conf"}
    files = [path for folder in ("state", "reports") for path in (machine.folder / folder).rglob("*") if path.is_file()]
    holders = {path for path in files if secret in (body := path.read_bytes()) or password in body}
    assert len(files) > 100
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders), holders
    assert {path.name for path in holders} <= owners_alone, holders


def accuracies(report):
    return [model["accuracy"] for dataset in report["datasets"] for model in dataset["models"]]


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=MINUTES) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sign_in(url, password):
    body = json.dumps({"username": "admin", "password": password}).encode()
    request = urllib.request.Request(f"{url}/auth/token", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=MINUTES) as answer:
        return json.loads(answer.read())["access_token"]
