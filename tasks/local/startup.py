"""The start of this machine's server, as whoever waits for it sees it: phase by phase, as long as anything moves.

`server.py` is the other side: a process of its own, which says in its log what is ready.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tasks.environment import taken_over
from tasks.errors import RequestError
from tasks.local import processes
from tasks.local.airflow import AirflowError, Secrets
from tasks.local.airflow_api import AirflowApi
from tasks.local.patience import Patience, Signs, StalledError, seconds_of_patience, wait_for
from tasks.local.server import BUSY, READY, SETTINGS, read_server
from tasks.local.view.voice import Voice
from tasks.project import PROJECT
from tasks.runs.numerics import numerics
from tasks.settings.loading import configured

STOP_SECONDS = 60.0  # without movement, after which a server that stops is killed
LONGER = 30.0  # seconds by which we wait longer than the server does for its own parts: it knows better what hangs


@dataclass(frozen=True)
class Connection:
    """A server that runs: what `server.json` says, and the API that it serves."""

    described: dict[str, Any]
    api: AirflowApi

    @property
    def store(self) -> str:
        """The store's address."""
        return self.described["environment"].get("STORE") or self.described["settings"]["STORE"]


def state_folder() -> Path:
    """Where everything of this machine's run lies: `.state` in the project, or LIKE_FOR_LIKE_STATE."""
    return Path(os.environ.get("LIKE_FOR_LIKE_STATE") or PROJECT / ".state").resolve()


def password() -> str:
    """The password of the UI's login."""
    return Secrets.load(state_folder() / "airflow").password


def inherited() -> dict[str, str]:
    """The environment of all that is started here: the server, Airflow, the stages, and the preflight."""
    found = numerics(os.environ)  # a stage decides about them, and says which of them it did not use
    taken = taken_over(os.environ, state_folder(), also=[*found.kept, *found.removed, *_store_connection()])
    return taken | {"LIKE_FOR_LIKE_STATE": str(state_folder())}


def _store_connection() -> Iterator[str]:
    """The variable with the connection that the configuration names; whoever needs a wrong configuration says so."""
    with suppress(RequestError):
        if name := configured(os.environ).orchestration.store_connection:
            yield f"AIRFLOW_CONN_{name.upper()}"


@contextmanager
def server(voice: Voice, owned: bool) -> Iterator[Connection]:
    """A server that is ready, found or started; one that was started for a single run ends with the block.

    Raises:
        RequestError: another run has it, or it was started with other settings.
        AirflowError, StalledError: it does not come up.
    """
    described = read_server(state_folder())
    if described:
        _check_settings(described)
        yield _Startup(voice, None, described["pid"]).ready(described)
        return
    voice.say("starting the object store and Airflow; some 20 s on a quiet machine, longer the first time ...")
    process = _spawn(owned)
    startup = _Startup(voice, process, process.pid)
    try:
        yield startup.ready(startup.described())
    except BaseException:
        owned = True  # what did not come up must not stay behind either
        raise
    finally:
        if owned:
            with uninterrupted(), voice.busy("stopping Airflow and the object store"):
                if process.poll() is None:
                    voice.say("stopping Airflow and the object store ...")
                    process.terminate()
                    _await_end(process.pid, lambda: process.poll() is not None)
                processes.stop(processes.leftovers(state_folder()))


def stop_server(supervisor: Mapping[str, Any]) -> None:
    """Ask the server to end, and insist when nothing of it has moved for STOP_SECONDS."""
    pid, born = supervisor["pid"], supervisor["born"]
    os.kill(pid, signal.SIGTERM)
    _await_end(pid, lambda: not processes.is_running(pid, born))


def _await_end(pid: int, look: Callable[[], bool]) -> None:
    log = state_folder() / "server.log"
    try:
        wait_for(look, Patience("the server's end", Signs.of(pid, log), log, limit=STOP_SECONDS))
    except StalledError:
        processes.stop([pid])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """During the block Ctrl-C and the terminal's end are not heard: they must not leave processes behind."""
    unheard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in unheard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spawn(owned: bool) -> subprocess.Popen:
    command = [sys.executable, "-m", "tasks.local", "serve", *(["--owner", str(os.getpid())] if owned else [])]
    log = state_folder() / "server.log"
    log.unlink(missing_ok=True)
    return processes.spawn(command, log, inherited())


def _check_settings(described: Mapping[str, Any]) -> None:
    if described["owner"]:
        raise RequestError(f"another run is at work here (process {described['owner']}); wait for its end")
    for name in SETTINGS:
        ours, theirs = os.environ.get(name), described["settings"].get(name)
        if ours and ours != theirs:
            raise RequestError(
                f"{name}: expected {theirs!r}, as the running server has it, received {ours!r}; type `make down` first"
            )


class _Startup:
    """One start: `process` is the server that we started, None for one that was found."""

    def __init__(self, voice: Voice, process: subprocess.Popen | None, pid: int):
        self._voice, self._process, self._pid = voice, process, pid
        self._state, self._began, self._since = state_folder(), time.monotonic(), datetime.now(UTC)
        self._reached: set[str] = set()

    def described(self) -> dict[str, Any]:
        """What the server writes about itself once the store and the database are ready."""
        log = self._state / "server.log"
        logs = (log, self._state / "store" / "server.log", self._state / "airflow" / "logs" / "prepare.log")
        if not os.environ.get("STORE"):
            patience = Patience(
                "the object store", Signs.of(self._pid, *logs), log, limit=seconds_of_patience() + LONGER
            )
            with self._voice.busy("waiting for the object store"):
                wait_for(self._reads_log, patience)
        patience = Patience("Airflow's database", Signs.of(self._pid, *logs), log, limit=seconds_of_patience() + LONGER)
        with self._voice.busy("waiting for Airflow's database"):
            return wait_for(self._announced, patience)

    def ready(self, described: dict[str, Any]) -> Connection:
        """Wait until Airflow answers and has read the DAG as it is now."""
        api = AirflowApi(described["url"], password())
        self._wait("API server", "api-server", api.is_up)
        self._wait("DAG", "dag-processor", partial(self._is_read, api))
        return Connection(described, api)

    def _wait(self, phase: str, component: str, look: Callable[[], bool]) -> None:
        """Wait for a phase that is a component's work."""
        log = self._state / "airflow" / "logs" / f"{component}.log"
        # The DAG processor writes lines for ever, whether or not it reads: only its work counts.
        files = (log,) if component == "api-server" else ()
        patience = Patience(f"Airflow's {phase}", Signs.of(self._pid, *files, named=component), log)
        with self._voice.busy(f"waiting for Airflow's {phase}"):
            wait_for(partial(self._found, look), patience, pause=0.2)
        self._reach(phase)

    def _found(self, look: Callable[[], bool]) -> bool:
        """What `look` finds at a server that is alive."""
        self._check_alive()
        return look()

    def _reads_log(self) -> bool:
        self._check_alive()
        for line in self._server_log():
            if line.startswith(READY):
                self._reach(line.removeprefix(READY))
        return bool(self._reached)

    def _announced(self) -> dict[str, Any] | None:
        self._reads_log()
        described = read_server(self._state)
        return described if described and described["pid"] == self._pid else None

    def _is_read(self, api: AirflowApi) -> bool:
        for component in api.heard_of(self._since):
            self._reach(component)
        dag = api.dag()
        if dag and not dag["is_stale"]:
            return True
        if (error := api.import_error()) is not None:
            raise AirflowError(f"the DAG cannot be read: {error}")
        return False

    def _reach(self, phase: str) -> None:
        """Say, once, that a phase is over; of a server that was found nothing need be said."""
        if self._process and phase not in self._reached:
            self._reached.add(phase)
            self._voice.say(f"  {phase:<18} ready after {time.monotonic() - self._began:4.0f} s")

    def _check_alive(self) -> None:
        """Raise whatever ended the server."""
        if self._process is None or self._process.poll() is None:
            return
        if self._process.returncode in (0, -signal.SIGTERM):
            raise AirflowError("the server was stopped while it started, by `make down` or a signal")
        if self._process.returncode == BUSY:
            raise RequestError("another run is starting here; wait for its end")
        reasons = [line for line in self._server_log() if not line.startswith(READY)]
        reason = reasons[-1] if reasons else f"it ended with {self._process.returncode}"
        raise AirflowError(f"the server ended: {reason} (log: {self._state / 'server.log'})")

    def _server_log(self) -> list[str]:
        log = self._state / "server.log"
        return log.read_text(errors="replace").strip().splitlines() if log.exists() else []
