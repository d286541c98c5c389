"""Two teams in one bucket, each below a prefix of its own: whole runs with no more than `config/iam/` allows."""

import json
from dataclasses import dataclass

import pytest
from PIL import Image

from tasks.storage.contract import Refused
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy
from tests.engine.bucket.ceph import User
from tests.support.lazy import Lazy
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_this_process

store_access = Lazy("dags.store_access")

POLICIES = ("worker", "keeper", "predictor", "reader")
NAMES = ("team", "team-2")  # one name begins with the other


@dataclass
class Team:
    """A team's store, and its users by their policies."""

    bucket: object
    name: str
    users: dict[str, User]
    inputs: dict[str, str]

    def environment(self, policy):
        """The variables of one of its users."""
        way = self.bucket.server.environment(self.users[policy])
        return self.inputs | way | {"STORE": f"s3://{self.bucket.name}/{self.name}"}

    def keys(self):
        """What lies below its prefix, as the owner of the bucket sees it."""
        return {key for key in self.bucket.listed() if key.startswith(f"{self.name}/")}


@pytest.fixture(scope="module")
def teams(make_bucket, tmp_path_factory):
    """The two, each of which has done a run of its own by its worker's credentials."""
    bucket, inputs = make_bucket(), make_environment(tmp_path_factory.mktemp("inputs"))
    found = {}
    for name in NAMES:
        users = {policy: bucket.user(policy, name) for policy in POLICIES}
        found[name] = Team(bucket, name, users, inputs)
        make_run(found[name].environment("worker"), f"run-of-{name}")
    return found


def test_a_run_needs_no_more_than_the_workers_policy(teams):
    """Every stage from the plan to the report, with a promotion; all that it left lies below the prefixes."""
    for team in teams.values():
        line = ("champion", "promote", "latest", "--anyway", "--why", "a test")
        assert in_this_process(team.environment("worker"), *line) == 0
    assert teams["team"].keys() | teams["team-2"].keys() == {*teams["team"].bucket.listed()}


def test_latest_and_the_history_are_a_teams_own(teams, tmp_path, monkeypatch):
    """A reader gets the newest report of the own team, and a history with the own run alone."""
    monkeypatch.chdir(tmp_path)
    for name, team in teams.items():
        assert in_this_process(team.environment("reader"), "download", "latest") == 0
        assert (tmp_path / f"run-of-{name}" / "SHA256SUMS").exists()
        body = team.bucket.server.client(team.users["reader"]).get_object(
            Bucket=team.bucket.name, Key=f"{name}/reports/history.json"
        )
        told = body["Body"].read().decode()
        assert f"run-of-{name}" in told
        assert sum(f'"run-of-{other}"' in told for other in NAMES) == 1
        json.loads(told)


@pytest.mark.parametrize("policy", ["worker", "reader"])
def test_airflow_reads_what_is_there_and_misses_what_is_not(teams, policy, monkeypatch):
    """The pages in Airflow's UI find the own report, and take a report that is missing for that."""
    for name, value in teams["team"].environment(policy).items():
        monkeypatch.setenv(name, value)
    assert b"run-of-team" in store_access.stored("reports/latest.json")
    assert store_access.stored("reports/no-such-run/report.html") is None


def test_a_predictor_asks_the_champion_of_the_own_team(teams, tmp_path):
    """Its policy is enough for images and the present champion."""
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    for team in teams.values():
        line = ("predict", "cifar10", str(tmp_path / "image.png"))
        assert in_this_process(team.environment("predictor"), *line) == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_neither_team_sees_or_changes_what_is_the_others(teams, policy, monkeypatch):
    """Reading, writing, deleting and listing at the other's prefix is refused, by whichever user."""
    own, other = teams["team"], teams["team-2"]
    before = other.keys()
    for name, value in own.environment(policy).items():
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://{other.bucket.name}/{other.name}", RetryPolicy(0))
    for use in (
        lambda: store.read("reports/latest.json"),
        lambda: store.exists("reports/latest.json"),
        lambda: store.write("reports/latest.json", b"{}"),
        lambda: store.delete("reports/latest.json"),
        lambda: list(store.list("reports/")),
    ):
        with pytest.raises(Refused):
            use()
    assert other.keys() == before


def test_a_sweep_stays_below_its_prefix(teams, capsys):
    """What one team's keeper removes is the own team's, whatever is old below the other prefix, broken uploads too."""
    own, other = teams["team"], teams["team-2"]
    client, bucket = own.bucket.client, own.bucket.name
    for team in (own, other):
        client = team.bucket.server.client(team.users["worker"])
        client.put_object(Bucket=bucket, Key=f"{team.name}/artifacts/train/k1/0/orphan", Body=b"x")
        client.create_multipart_upload(Bucket=bucket, Key=f"{team.name}/artifacts/train/k1/0/broken")
    before = other.keys()
    capsys.readouterr()
    assert in_this_process(own.environment("keeper"), "sweep", "--age", "0") == 0
    said = capsys.readouterr().out
    assert "file that no manifest names: artifacts/train/k1/0/orphan" in said
    assert "unfinished write: artifacts/train/k1/0/broken" in said
    assert other.keys() == before
    uploads = own.bucket.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [upload["Key"] for upload in uploads] == ["team-2/artifacts/train/k1/0/broken"]
