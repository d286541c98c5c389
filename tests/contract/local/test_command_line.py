"""`run`, `up` and `down` as a person types them: what they refuse starts nothing."""

import json
import os
import re

import pytest

from tasks.local import __main__ as command_line
from tasks.local import processes, workflow
from tasks.local.private_file import write_private
from tasks.project import PROJECT
from tasks.settings.loading import configured, load_configuration
from tasks.settings.reading.extensions import hint
from tasks.settings.request import Parameters, slug
from tasks.settings.workflow import REUSED_STAGES
from tests.support.http_server import silent_server
from tests.support.tiny_data import make_configuration, make_mirror

CONFIGURATION = load_configuration()
FAMILIES, PROFILES = ", ".join(CONFIGURATION.families), ", ".join(CONFIGURATION.profiles)

NO_FOLDER = "mirror: expected an address, or a folder that exists; received '{}'"


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "a state"
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(folder))
    monkeypatch.setenv("WORKFLOW_CONFIG", str(make_configuration(tmp_path / "config")))
    monkeypatch.setenv("DATASET_MIRROR", str(make_mirror(tmp_path / "mirror")))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    return folder


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--profile", "huge"], f"profile: expected one of {PROFILES}; received 'huge'"),
        (["run", "--datasets", "mnist"], "datasets: expected one of cifar10, fashion_mnist; received 'mnist'"),
        (["run", "--families", "lstm"], f"families: expected one of {FAMILIES}; received 'lstm'{hint('families')}"),
        (
            ["run", "--budgets", "5000, 8000, 5000"],
            "command line: budgets: expected different budgets, received 5000 more than once",
        ),
        (
            ["run", "--budgets", "5000,many"],
            "command line: budgets.1: expected a whole number, received 'many'",
        ),
        (
            ["run", "--force", "report,searching"],
            "command line: force: expected true, or stages among fetch, normalize, search, choose, train, "
            "evaluate, received ['report', 'searching']",
        ),
        (["run", "--trials", "0"], "command line: trials: expected at least 1, received 0"),
        (["run", "--mirror", "me:hunter2@h/x"], NO_FOLDER.format("***@h/x")),
        (["run", "--mirror", "nowhere"], NO_FOLDER.format("nowhere")),
        (
            ["run", "--mirror", "https://me:hunter2@h/x"],
            "command line: mirror: expected no user name and no password in an address; keep them in ~/.netrc, "
            "received 'https://***@h/x'",
        ),
    ],
)
def test_a_bad_request_starts_nothing(state, capsys, arguments, complaint):
    """One line says what was expected and what came; the status is 64, and no server was started."""
    assert command_line.main(arguments) == 64
    assert capsys.readouterr().err.strip() == complaint
    assert not state.exists()


@pytest.mark.parametrize(
    ("typed", "forced"), [("", ()), ("1", REUSED_STAGES), ("search", ("search",)), ("train, fetch", ("fetch", "train"))]
)
def test_force_is_all_stages_or_some(typed, forced):
    """`FORCE=1` does everything again, `FORCE=search` one stage, and nothing is forced without it."""
    options = command_line._parser().parse_args(["run", "--force", typed])
    assert command_line._parameters(options).force == forced


def test_budgets_are_numbers_between_commas():
    """`BUDGETS=30000,120000` is a list of whole numbers, as the form sends it."""
    options = command_line._parser().parse_args(["run", "--budgets", "120000, 30000"])
    assert command_line._parameters(options).budgets == (30_000, 120_000)


def test_a_run_says_what_it_leaves_out(state, tmp_path):
    """A dataset with a broken file is named, with its error, where a run asks for all of them."""
    (tmp_path / "config" / "datasets" / "mine.toml").write_text("title = 3\n")
    config = load_configuration(tmp_path / "config")
    (line,) = workflow._left_out(Parameters(), config)
    assert line.startswith("left out: mine: ")
    assert "mine.toml:1: title: expected a text, received 3" in line
    assert workflow._left_out(Parameters(datasets=("cifar10",)), config) == []


@pytest.fixture
def silent():
    with silent_server() as address:
        yield address


@pytest.mark.parametrize(
    ("command", "endpoint"),
    [("run", "http://127.0.0.1:1"), ("run", "http://store.invalid"), ("up", "http://127.0.0.1:1"), ("up", "silent")],
)
def test_a_store_that_cannot_be_reached_starts_nothing(state, silent, capsys, monkeypatch, command, endpoint):
    """A mistyped endpoint is one line at once, without the patience of a stage, and no server was started."""
    monkeypatch.setenv("STORE", "s3://bucket/prefix")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", silent if endpoint == "silent" else endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    assert command_line.main([command]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"s3://bucket/prefix/reports/latest\.json: \w+Error: .*; .*check AWS_ENDPOINT_URL_S3", line)
    assert not state.exists()


def test_down_without_a_server_is_fine(state, capsys):
    """Stopping what is not up is no error."""
    assert command_line.main(["down"]) == 0
    assert "nothing was up" in capsys.readouterr().out


def test_runs_that_begin_in_one_second_have_ids_of_their_own(state):
    """Two machines with one store may type `make run` at the same moment: their ids differ, and are safe as keys."""
    requests = [workflow._checked(Parameters(profile="smoke"), configured(os.environ)) for _ in range(50)]
    assert len({request.run for request in requests}) == 50
    assert all(slug(request.run) == request.run and request.run.startswith("smoke-20") for request in requests)


def test_a_run_beside_a_server_takes_over_what_it_does_not_say_itself(state, monkeypatch):
    """The server that is up runs the stages: its backend and its configuration make the request, not this shell's."""
    settings = {"KERAS_BACKEND": "jax", "WORKFLOW_CONFIG": "/theirs", "STORE": "s3://theirs"}
    described = {"pid": os.getpid(), "born": processes.birth(os.getpid()), "settings": settings}
    write_private(state / "server.json", json.dumps(described))
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setenv("STORE", "s3://mine")
    ours = os.environ["WORKFLOW_CONFIG"]
    workflow._join_server()
    assert [os.environ[name] for name in settings] == ["jax", ours, "s3://mine"]
