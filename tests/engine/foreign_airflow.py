"""A stranger's Airflow: an environment, a home, an `airflow.cfg`, a database and a dags folder that are not ours."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.local import processes
from tasks.local.airflow import USER, claimed_port
from tasks.local.airflow_api import OPENER, AirflowApi
from tasks.project import PROJECT
from tests.support.patience import PATIENCE

COMPONENTS = ("api-server", "scheduler", "dag-processor")
# The way to the package index, and nothing of this machine's stores, Airflows or Pythons.
ENVIRONMENT = ("LANG", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY")
INSTALLERS = ("PIP_", "UV_", "REQUESTS_")

CONFIGURATION = """
[core]
executor = LocalExecutor
dags_folder = {home}/dags
load_examples = False
fernet_key = {fernet_key}
execution_api_server_url = http://127.0.0.1:{port}/execution/
simple_auth_manager_users = {user}:admin
simple_auth_manager_passwords_file = {home}/passwords.json

[database]
sql_alchemy_conn = {database}

[api]
host = 127.0.0.1
port = {port}
base_url = http://127.0.0.1:{port}
secret_key = {secret}
workers = 1

[api_auth]
jwt_secret = {secret}

[dag_processor]
refresh_interval = 5
"""

# Two files, read before and after ours, that use packages of their own with the names of ours.
THEIR_DAG = """
from airflow.sdk import dag, task

import tasks.sums
from dags.names import NAME


@dag("{dag_id}", schedule=None, is_paused_upon_creation=False, tags=[NAME])
def theirs():
    @task
    def add():
        assert tasks.sums.total(2, 3) == 5

    add()


theirs()
"""
THEIR_FILES = {
    "a_stranger.py": THEIR_DAG.format(dag_id="a_stranger"),
    "z_stranger.py": THEIR_DAG.format(dag_id="z_stranger"),
    "tasks/__init__.py": "",
    "tasks/sums.py": "def total(*numbers):\n    return sum(numbers)\n",
    "dags/__init__.py": "",
    "dags/names.py": 'NAME = "a stranger"\n',
}


class ForeignAirflow:
    """The stranger's folder: `home` is Airflow's, `checkout` a copy of this project to type commands in."""

    def __init__(self, folder: Path, database: str, port: int):
        self.folder, self.home, self.checkout = folder, folder / "airflow-home", folder / "checkout"
        self.url = f"http://127.0.0.1:{port}"
        self._started: dict[str, subprocess.Popen] = {}
        password = secrets.token_urlsafe(12)
        self.api = AirflowApi(self.url, password)
        self._login = {"username": USER, "password": password}
        self._write_home(database, port, password)
        _copy_checkout(self.checkout)

    def _write_home(self, database: str, port: int, password: str) -> None:
        values = {"home": self.home, "database": database, "port": port, "user": USER}
        keys = {"fernet_key": f"{secrets.token_urlsafe(32)}=", "secret": secrets.token_urlsafe(64)}
        files = THEIR_FILES | {"../airflow.cfg": CONFIGURATION.format(**values, **keys)}
        files |= {"../passwords.json": json.dumps({USER: password})}
        for name, text in files.items():
            self.write(self.home / "dags" / name, text)

    @staticmethod
    def write(path: Path, text: str) -> None:
        """Write a file, and the folders that it needs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """What the stranger's shell has: Airflow's environment is active, and nothing says where a store is."""
        kept = {name: value for name, value in os.environ.items() if name in ENVIRONMENT or name.startswith(INSTALLERS)}
        path = [str(self.folder / "venv" / "bin"), str(uv().parent), os.environ["PATH"]]
        constraints = str(self.folder / "constraints.txt")
        return kept | {
            "PATH": os.pathsep.join(path),
            "AIRFLOW_HOME": str(self.home),
            "PIP_CONSTRAINT": constraints,
            "UV_CONSTRAINT": constraints,
            "NO_PROXY": "127.0.0.1",
            "SPT_NOENV": "1",  # so that AIRFLOW_HOME tells the processes apart, whatever titles they give themselves
        }

    def install(self) -> None:
        """Airflow with PostgreSQL's drivers, at the releases of uv.lock: its constraints file is no package."""
        exported = _run([uv(), "export", "--frozen", "--quiet", "--no-hashes", "--no-annotate"], PROJECT, os.environ)
        self.write(self.folder / "constraints.txt", exported)
        self.type(f'uv venv --seed --quiet --python "{sys.executable}" ../venv')
        self.type("uv pip install --quiet --python ../venv/bin/python apache-airflow asyncpg psycopg2-binary")
        self.type("airflow db migrate")

    def type(self, block: str) -> str:
        """Run a block of shell lines in the checkout; what it printed."""
        print(f"$ {block.strip()}", flush=True)
        return _run(["bash", "-euo", "pipefail", "-c", block], self.checkout, self.environment)

    def start(self) -> None:
        """Start Airflow's three processes."""
        for component in COMPONENTS:
            log = (self.home / "logs" / f"{component}.log").open("ab")
            line = [self.folder / "venv" / "bin" / "airflow", component]
            self._started[component] = subprocess.Popen(
                line, cwd=self.home, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> None:
        """End all that was started."""
        processes.stop([process.pid for process in self._started.values()])
        for process in self._started.values():
            process.wait()

    def awaited(self, what: str, look: Callable[[], tuple[bool, set[str]]]) -> None:
        """Wait until `look` says that it is so; what it tells besides is printed when it is new."""
        told: set[str] = {"nothing"}
        since = time.monotonic()
        while True:
            done, state = look()
            if new := state - told:
                print(f"{time.strftime('%H:%M:%S')} {what}: {', '.join(sorted(new))}", flush=True)
            if state != told:
                told, since = state, time.monotonic()
            if done:
                return
            ended = [name for name, process in self._started.items() if process.poll() is not None]
            assert not ended, f"{what}: {ended} ended; see {self.home / 'logs'}"
            assert time.monotonic() - since < PATIENCE, f"{what}: nothing moved for {PATIENCE} s: {sorted(state)}"
            time.sleep(1)

    def token(self) -> str:
        """What a person who logged in is known by."""
        return json.loads(self.answer("/auth/token", body=self._login)[1])["access_token"]

    def answer(self, path: str, token: str = "", body: object = None) -> tuple[int, bytes]:
        """Status and body of what the web server answers somebody logged in, or nobody; POST where there is a body."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        try:
            with OPENER.open(urllib.request.Request(self.url + path, data, headers), timeout=PATIENCE) as got:
                return got.status, got.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def told(self, path: str, body: object = None) -> dict[str, Any]:
        """What the REST API answers somebody logged in."""
        status, answer = self.answer(f"/api/v2/{path}", self.token(), body)
        assert status == 200, answer
        return json.loads(answer)


def free_port() -> int:
    """A port for the API server."""
    with claimed_port(18080) as port:
        return port


def _copy_checkout(folder: Path) -> None:
    """A copy of this project's files, as they are now."""
    listed = _run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], PROJECT, os.environ)
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)


def uv() -> Path:
    """The uv of this machine, or the one that set-up brought."""
    return Path(shutil.which("uv") or PROJECT / ".state" / "uv" / "bin" / "uv")


def _run(line: list, folder: Path, environment: dict) -> str:
    done = subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=4 * PATIENCE
    )
    assert done.returncode == 0, f"{line}: exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout
