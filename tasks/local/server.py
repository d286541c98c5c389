"""The server of this machine: the embedded object store and Airflow, under one supervisor of their own.

    python -m tasks.local serve [--owner PID]

It runs detached, writes what others need to know to `server.json` in the state folder, and ends when it is told to
(SIGTERM), when its owner is gone, or when one of its parts is. Runs that are active then are marked failed, so that
nothing resumes behind anybody's back; what they finished is in the store and the next run reuses it.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.environment import lead_to
from tasks.local import processes
from tasks.local.airflow import COMPONENTS, Airflow, AirflowError, Secrets, claimed_port
from tasks.local.airflow_api import AirflowApi
from tasks.local.patience import Patience, Signs, StalledError, wait_for
from tasks.local.private_file import read_object, write_private
from tasks.local.swift.object_store import ObjectStore

SETTINGS = ("STORE", "WORKFLOW_CONFIG", "KERAS_BACKEND", "RUNNER")
READY = "ready: "  # begins a line of the log that names a phase of the start which is over
ANSWER_SECONDS = 5.0  # in which an API server that is up answers, or at least moves
BUSY = 75  # EX_TEMPFAIL: another server has this state folder


def serve(state: Path, owner: int | None) -> int:
    """Serve until there is a reason to stop; the exit code."""
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)  # set-up may have made it, for everybody to look into
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(locked(state / "server.lock")):
            return BUSY
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _raise_stop)
        unclean = (state / "server.json").exists()
        processes.stop(processes.leftovers(state))
        return _Server(state, owner).run(unclean)


class _Stop(BaseException):
    """Somebody asked the server to stop."""


def _raise_stop(number: int, frame: object) -> None:
    # Only the first signal counts: a second one must not cut the way out short.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise _Stop


@contextlib.contextmanager
def locked(file: Path) -> Iterator[bool]:
    """Hold the lock on `file` during the block; False when somebody else does. A crash gives it back.

    The file says whose it is, for whoever wants to stop a server that is not up yet.
    """
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            stream.truncate(0)
            stream.write(json.dumps({"pid": os.getpid(), "born": processes.birth(os.getpid())}))
            stream.flush()
            yield True


class _Server:
    """The parts, from their start to their end."""

    def __init__(self, state: Path, owner: int | None):
        self._state, self._owner = state, owner
        self._store: ObjectStore | None = None
        self._parts: dict[str, subprocess.Popen] = {}
        self._given = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}

    def run(self, unclean: bool) -> int:
        clean = True
        try:
            with claimed_port() as port:
                self._start(port, unclean)
                self._watch()
        except _Stop:
            return 0
        except Exception as error:
            # The last line of the log is what the starter shows.
            print(error, flush=True)
            return 1
        finally:
            clean = self._stop()
            if clean:
                (self._state / "server.json").unlink(missing_ok=True)
        return 0

    def _start(self, port: int, unclean: bool) -> None:
        store = self._open_store()
        inherited = os.environ | {processes.MARK: str(self._state)}
        if store:
            lead_to(inherited, store)
        airflow = Airflow(self._state / "airflow", port, inherited, scheduled=self._owner is None)
        self._api = AirflowApi(airflow.url, Secrets.load(airflow.folder).password)
        airflow.prepare()
        airflow.forget_dags()
        _say_ready("database")
        self._announce(airflow, store)
        if unclean:
            self._parts["api-server"] = airflow.start("api-server")
            self._await_api(airflow)
            self._fail_active()
        for component in COMPONENTS:
            if component not in self._parts:
                self._parts[component] = airflow.start(component)

    def _open_store(self) -> dict[str, str]:
        """The variables that lead to the store: those given, or those of the embedded one, started now."""
        if os.environ.get("STORE"):
            return {}
        self._store = ObjectStore.start(self._state / "store")
        _say_ready("object store")
        return self._store.environment | {"STORE": self._store.uri}

    def _announce(self, airflow: Airflow, store: dict[str, str]) -> None:
        """Write what a client needs: how to reach the API and the store, and whose server this is."""
        described = {
            "pid": os.getpid(),
            "born": processes.birth(os.getpid()),
            "owner": self._owner,
            "url": airflow.url,
            "settings": self._given,
            "environment": store,
        }
        write_private(self._state / "server.json", json.dumps(described))

    def _watch(self) -> None:
        while self._owner is None or os.getppid() == self._owner:
            for name, process in self._parts.items():
                if process.poll() is not None:
                    log = self._state / "airflow" / "logs" / f"{name}.log"
                    raise AirflowError(f"airflow {name} ended with {process.returncode}; see {log}")
            if self._store and not self._store.alive():
                raise AirflowError(f"the object store ended; see {self._state / 'store'}")
            time.sleep(0.5)

    def _stop(self) -> bool:
        """End everything; whether no active run was left behind."""
        try:
            if "api-server" in self._parts:
                self._fail_active()
            clean = True
        except AirflowError as error:
            print(error, flush=True)
            clean = False
        # The scheduler's tasks report their end to the API server; after them nothing needs a graceful end.
        for part, grace in (("scheduler", 8.0), ("dag-processor", 0.5), ("api-server", 0.5)):
            if part in self._parts:
                processes.stop([self._parts[part].pid], grace)
        processes.stop(processes.leftovers(self._state))
        if self._store:
            self._store.stop()
        return clean

    def _await_api(self, airflow: Airflow) -> None:
        """Wait for the API server, however slow the machine is; one that ended answers no more either."""
        server, log = self._parts["api-server"], airflow.log("api-server")
        patience = Patience("Airflow's API server", Signs.of(server.pid, log), log)
        wait_for(lambda: self._api.is_up() or server.poll() is not None, patience, pause=0.2)

    def _fail_active(self) -> None:
        server = self._parts["api-server"]
        patience = Patience("the API server", Signs.of(server.pid), self._state, limit=ANSWER_SECONDS)
        with contextlib.suppress(StalledError):
            wait_for(lambda: self._api.is_up() or server.poll() is not None, patience, pause=0.2)
        if not self._api.is_up():
            raise AirflowError("the API server does not answer; an active run may be left, the next start ends it")
        for run in self._api.active():
            self._api.fail(run)


def _say_ready(phase: str) -> None:
    print(f"{READY}{phase}", flush=True)


def read_server(state: Path) -> dict[str, Any] | None:
    """What the running server wrote, or None when none runs."""
    return _written(state / "server.json")


def supervisor(state: Path) -> dict[str, Any] | None:
    """The process of the server that runs, is starting or is stopping, or None."""
    return _written(state / "server.lock")


def _written(file: Path) -> dict[str, Any] | None:
    """What a process that still runs wrote into `file` about itself."""
    found = read_object(file, "pid", "born")
    return found if found and processes.is_running(found["pid"], found["born"]) else None
