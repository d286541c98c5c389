"""This machine's Airflow: an API server, a scheduler and a DAG processor over SQLite, reachable from here only.

Everything it knows comes from environment variables (AIRFLOW__SECTION__KEY, the documented way), and everything it
keeps lies in one folder that only its owner can read. What it needs no process for it does not start: no triggerer (no
task defers), no log server (the API server reads the same disk).
"""

import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import metadata
from pathlib import Path

from tasks.errors import DiscreetError
from tasks.local import processes
from tasks.local.patience import Patience, Signs, seconds_of_patience, wait_for
from tasks.local.private_file import read_object, write_private
from tasks.project import PROJECT
from tasks.settings.loading import configured
from tasks.settings.workflow import POOL
from tasks.storage.provenance import cores

USER = "admin"
PREFERRED_PORT = 8080
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
}


class AirflowError(DiscreetError, RuntimeError):
    """Airflow cannot be brought up, or refuses what was asked of it: one line, with the log to read."""


@contextmanager
def claimed_port(preferred: int = PREFERRED_PORT) -> Iterator[int]:
    """`preferred`, or the next port that nobody listens on; no other server of this project gets it during the block.

    An API server listens only seconds after its port was chosen. Meanwhile the claim is a name among Linux's abstract
    sockets: like the ports it belongs to the whole machine, whoever the user, and it goes with its process.

    Raises:
        AirflowError: fifty ports in a row are taken.
    """
    for port in range(preferred, preferred + 50):
        with socket.socket(socket.AF_UNIX) as claim:
            if _binds(claim, f"\0like-for-like port {port}") and _is_free(port):
                yield port
                return
    raise AirflowError(f"ports {preferred} to {preferred + 49}: expected a free one, all are taken; stop what uses one")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, ("127.0.0.1", port))


def _binds(listener: socket.socket, address: str | tuple[str, int]) -> bool:
    try:
        listener.bind(address)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Airflow:
    """An Airflow that lives in `folder`; `inherited` is the environment that its tasks get.

    With `scheduled` False only triggered runs start: a run from the command line must not set off the weekly one.
    """

    folder: Path
    port: int
    inherited: Mapping[str, str]
    scheduled: bool = True

    @property
    def url(self) -> str:
        """The address of the UI and of the REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.folder / "airflow.db"

    def log(self, component: str) -> Path:
        """The file that a component writes to."""
        return self.folder / "logs" / f"{component}.log"

    def prepare(self) -> None:
        """Bring the database to the installed release and make the pool; quick when an earlier start did it.

        Raises:
            AirflowError: a command of Airflow failed.
            StalledError: one hangs.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        prepared = self.folder / "prepared.json"
        wanted = {"airflow": metadata.version("apache-airflow"), "slots": slots()}
        if read_object(prepared) == wanted:
            return
        self._command("db", "migrate")
        self._command("pools", "set", POOL, str(wanted["slots"]), "tasks that keep a core busy")
        prepared.write_text(json.dumps(wanted))

    def forget_dags(self) -> None:
        """Mark what an earlier start read as stale, which the DAG processor takes back for each DAG that it reads.

        A mark, as the moment of the last reading tells nothing where the machine's clock was set since.
        """
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute("UPDATE dag SET is_stale = TRUE")

    def start(self, component: str) -> subprocess.Popen:
        """Start one of COMPONENTS."""
        return processes.spawn([*_airflow(), *COMPONENTS[component]], self.log(component), self.environment)

    def _command(self, *arguments: str) -> None:
        log, name = self.log("prepare"), f"airflow {' '.join(arguments[:2])}"
        process = processes.spawn([*_airflow(), *arguments], log, self.environment)
        try:
            wait_for(lambda: process.poll() is not None, Patience(name, Signs.of(process.pid, log), log))
        finally:
            processes.stop([process.pid])
        if process.returncode != 0:
            raise AirflowError(f"{name}: failed; see {log}")

    @cached_property
    def environment(self) -> dict[str, str]:
        """The whole environment of the components."""
        kept = Secrets.load(self.folder)
        options = _settings(self) | {
            "core__fernet_key": kept.fernet_key,
            "api__secret_key": kept.secret_key,
            "api_auth__jwt_secret": kept.jwt_secret,
        }
        variables = {f"AIRFLOW__{name.upper()}": str(value) for name, value in options.items()}
        return {
            **self.inherited,
            **variables,
            "AIRFLOW_HOME": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{self.inherited.get('PATH', os.defpath)}",
            "PYTHONPATH": str(PROJECT),
            # Airflow's processes give themselves titles, which may not be written over the mark that finds them.
            "SPT_NOENV": "1",
        }


def slots() -> int:
    """How many trainings go on at once: the size of the pool. The settings' GPUs have places for them, or the cores."""
    return configured(os.environ).orchestration.gpus.places or max(2, cores())


def _airflow() -> list[str]:
    return [sys.executable, "-m", "airflow"]


def _settings(airflow: Airflow) -> dict[str, object]:
    """Airflow's options, `section__key`, where its default does not fit one machine and one DAG."""
    return {
        "core__dags_folder": PROJECT / "dags",
        "core__plugins_folder": PROJECT / "dags" / "plugins",
        "core__load_examples": False,
        "core__executor": "LocalExecutor",
        # The pool limits what keeps a core busy. A slot is a waiting process of 4 MB, and one whose task has just ended
        # may stay taken for the 5 s of a heartbeat: two for each core, and some for what only waits for the network.
        "core__parallelism": 2 * slots() + 4,
        "core__hostname_callable": "socket.gethostname",
        "core__execution_api_server_url": f"{airflow.url}/execution/",
        "core__simple_auth_manager_users": f"{USER}:admin",
        "core__simple_auth_manager_all_admins": False,  # whatever the environment says
        "core__simple_auth_manager_passwords_file": airflow.folder / "passwords.json",
        "core__killed_task_cleanup_time": 15,
        "database__sql_alchemy_conn": f"sqlite:///{airflow.database}",
        "api__host": "127.0.0.1",
        "api__port": airflow.port,
        "api__base_url": airflow.url,
        "api__workers": 1,
        # A task's token must outlive its longest stage: https://github.com/apache/airflow/issues/67939
        "execution_api__jwt_expiration_time": 7 * 24 * 3600,
        "scheduler__use_job_schedule": airflow.scheduled,
        # A worker reports every 5 s, from this machine: the task of a killed one is tried again after 1 minute, not 5.
        "scheduler__task_instance_heartbeat_timeout": 60,
        "dag_processor__min_file_process_interval": 300,
        # By default, Airflow passes over a change of the DAG that comes within 30 s of the one before.
        "core__min_serialized_dag_update_interval": 0,
        # A slow machine is no error: what waits for the DAG to be read says when nothing moves.
        "core__dagbag_import_timeout": seconds_of_patience(airflow.inherited),
        "dag_processor__dag_file_processor_timeout": 2 * seconds_of_patience(airflow.inherited),
        "dag_processor__parsing_processes": 1,
        "logging__base_log_folder": airflow.folder / "logs",
        "logging__dag_processor_child_process_log_directory": airflow.folder / "logs" / "dag_processor",
        "logging__colored_console_log": False,
        "usage_data_collection__enabled": False,
    }


@dataclass(frozen=True)
class Secrets:
    """What this Airflow must know and nobody else; made once, kept in files that only their owner can read."""

    fernet_key: str
    secret_key: str
    jwt_secret: str
    password: str

    @classmethod
    def load(cls, folder: Path) -> "Secrets":
        """The secrets in `folder`, made now when there are none; the password also as Airflow wants to find it.

        Raises:
            AirflowError: the file is damaged.
        """
        file = folder / "secrets.json"
        if not file.exists():
            write_private(file, json.dumps(_new_secrets()))
        names = [field.name for field in fields(cls)]
        kept = read_object(file, *names)
        if kept is None:
            raise AirflowError(
                f"{file}: expected the secrets of this machine's Airflow, received something else; put it back, or "
                "delete it: then the login is another, and what Airflow keeps encrypted is lost"
            )
        found = cls(**{name: kept[name] for name in names})
        write_private(folder / "passwords.json", json.dumps({USER: found.password}))
        return found


def _new_secrets() -> dict[str, str]:
    return {
        # A Fernet key is 32 random bytes in URL-safe base64, padding included.
        "fernet_key": f"{secrets.token_urlsafe(32)}=",
        "secret_key": secrets.token_urlsafe(32),
        "jwt_secret": secrets.token_urlsafe(64),
        "password": secrets.token_urlsafe(12),
    }
