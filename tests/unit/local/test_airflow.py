"""This machine's Airflow: what it is told, and who may read it."""

import json
import socket
import stat

import pytest

from tasks.local.airflow import Airflow, AirflowError, Secrets, claimed_port
from tasks.local.private_file import write_private


@pytest.fixture
def airflow(tmp_path):
    return Airflow(tmp_path / "airflow", 8099, {"PATH": "/usr/bin", "STORE": "file:///s"})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_busy_port_is_not_fatal():
    """The next free port is taken."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        with claimed_port(taken) as port:
            assert taken < port < taken + 50


def test_no_free_port_is_an_error_that_says_so(monkeypatch):
    """When every port is taken the error names the range."""

    class Refusing(socket.socket):
        def bind(self, address):
            raise OSError

    monkeypatch.setattr(socket, "socket", Refusing)
    refused = pytest.raises(AirflowError, match="ports 9000 to 9049: expected a free one")
    with refused, claimed_port(9000):
        pass


def test_only_this_machine_reaches_it(airflow):
    """The server listens on loopback, without examples, without telemetry."""
    told = airflow.environment
    assert told["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8099/execution/"
    assert told["AIRFLOW__CORE__LOAD_EXAMPLES"] == told["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_nothing_inherited_lets_anybody_in(tmp_path):
    """An option left in somebody's shell does not make every visitor an administrator."""
    option = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"
    assert Airflow(tmp_path, 8099, {option: "True"}).environment[option] == "False"


def test_its_tasks_inherit_what_leads_to_the_store(airflow):
    """The environment that was given reaches the components."""
    assert airflow.environment["STORE"] == "file:///s"


def test_all_it_keeps_lies_in_its_folder(airflow):
    """Database, logs and home are below one folder."""
    folder = str(airflow.folder)
    told = airflow.environment
    kept = [told[name] for name in ("AIRFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER")]
    assert all(path.startswith(folder) for path in kept)
    assert told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{folder}/airflow.db"


def test_a_single_run_never_sets_off_the_schedule(tmp_path):
    """Only a server that was left running starts scheduled runs."""
    option = "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"
    assert Airflow(tmp_path, 8099, {}, scheduled=False).environment[option] == "False"
    assert Airflow(tmp_path, 8099, {}).environment[option] == "True"


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path):
    """A restart keeps password and keys; the files are 0600, the folder 0700."""
    folder = tmp_path / "airflow"
    first = Secrets.load(folder)
    assert Secrets.load(folder) == first
    assert json.loads((folder / "passwords.json").read_text()) == {"admin": first.password}
    assert mode(folder) == 0o700
    assert mode(folder / "secrets.json") == mode(folder / "passwords.json") == 0o600
    assert Secrets.load(tmp_path / "another") != first


def test_a_private_file_is_never_open_to_others(tmp_path):
    """A readable file of the same name is replaced, not written through."""
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), mode(file)) == ("new", 0o600)
