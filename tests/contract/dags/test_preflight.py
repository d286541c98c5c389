"""The preflight, as `make run` asks it: one line and exit code 64 where no stage could start."""

import os
import socket
import subprocess
import sys

from tasks.project import PROJECT
from tasks.settings.loading import load_configuration

# Root may use every socket; without this capability it is a user like any other.
AS_A_USER = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []


def preflight(tmp_path, **environment):
    """Exit code and complaint of `python -m dags.preflight`."""
    given = os.environ | {"AIRFLOW_HOME": str(tmp_path / "airflow")} | environment
    line = [*AS_A_USER, sys.executable, "-m", "dags.preflight"]
    asked = subprocess.run(line, cwd=PROJECT, env=given, capture_output=True, text=True, check=False)
    return asked.returncode, asked.stderr.strip().splitlines()


def test_a_process_can_always_be_started(tmp_path):
    """The local runner needs nothing."""
    assert preflight(tmp_path, RUNNER="local") == (0, [])


def test_an_unknown_runner(tmp_path):
    """A name that is none is refused with those that are."""
    code, lines = preflight(tmp_path, RUNNER="dokcer")
    assert code == 64
    assert len(lines) == 1
    known = ", ".join(load_configuration().runners)
    assert lines[0].startswith(f"runner: expected one of {known}; received 'dokcer'; did you mean docker?")


def test_no_engine(tmp_path):
    """An engine that does not answer is one line, with what to do."""
    code, lines = preflight(tmp_path, RUNNER="docker", DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert code == 64
    assert len(lines) == 1
    assert lines[0].startswith(f"Docker engine at unix://{tmp_path}/nothing.sock: nothing answers; start it")


def test_a_socket_without_permission(tmp_path):
    """A socket that this user may not use is told apart from an engine that does not run."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "closed.sock"))
        server.listen()
        (tmp_path / "closed.sock").chmod(0)
        code, lines = preflight(tmp_path, RUNNER="docker", DOCKER_HOST=f"unix://{tmp_path}/closed.sock")
    assert code == 64
    assert "this user may not use it" in lines[0]


def test_a_store_that_containers_cannot_reach(tmp_path):
    """A folder is no store for a container."""
    code, lines = preflight(tmp_path, RUNNER="docker", STORE=tmp_path.as_uri())
    assert code == 64
    assert lines == [f"STORE: expected s3://bucket/prefix, which containers can reach; received '{tmp_path.as_uri()}'"]
