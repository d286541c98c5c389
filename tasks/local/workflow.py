"""The workflow on this machine: `run` it once, or bring the server `up` and `down`.

`run` starts the server unless one is up, triggers the DAG, shows what happens, brings the report home, and stops what
it started. The state of all this lies in one folder.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tasks.errors import RequestError
from tasks.local import outcome, processes
from tasks.local.airflow import USER, AirflowError, Secrets
from tasks.local.airflow_api import ACTIVE, DAG_ID, AirflowApi
from tasks.local.live_table import FINAL, Row, rows, view
from tasks.local.server import API_SECONDS, BUSY, SETTINGS, read_server
from tasks.project import PROJECT
from tasks.runs.order import LATEST
from tasks.runs.records import read_record, write_request
from tasks.settings.loading import Configuration, configured, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters, Request
from tasks.storage.contract import Store, StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy

STOP_SECONDS = 60
POLL_SECONDS = 1.5
IMPATIENT = RetryPolicy(seconds=0, silence=4)


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


def run(params: Parameters, console: Console) -> int:
    """Run the workflow once as `params` says; 0 only when the run succeeded.

    Raises:
        RequestError: a parameter or the configuration is wrong; nothing was started.
        AirflowError, StoreError: a server failed.
    """
    configuration = configured(os.environ)
    request = _checked(params, configuration)
    if params.mirror:
        os.environ["DATASET_MIRROR"] = params.mirror  # a runner that makes containers lets them see this folder
    _check_runner(configuration)
    _check_store()
    params = params.model_copy(update={"mirror": None})  # a form's mirror is anybody's; this one is the owner's
    with _server(console, owned=True) as connection:
        os.environ.update(connection.described["environment"])
        return _Run(request, params, connection, open_store(connection.store), console).follow()


def up(console: Console) -> int:
    """Bring the server up, or find it up, and say where it is; raises as `run` does."""
    _check_runner(configured(os.environ))
    _check_store()
    with _server(console, owned=False) as connection:
        console.print(f"Airflow   {connection.described['url']}", highlight=False)
        console.print(f"login     {USER} / {_password()}", highlight=False, markup=False)
        console.print(f"store     {connection.store}", highlight=False)
        console.print("make down stops it", highlight=False)
    return 0


def down(console: Console) -> int:
    """Stop the server; active runs are marked failed. It is fine when none is up."""
    state = state_folder()
    described = read_server(state)
    if described:
        _stop_server(described)
    processes.stop(processes.leftovers(state))
    console.print("stopped" if described else "nothing was up", highlight=False)
    return 0


def _checked(params: Parameters, configuration: Configuration) -> Request:
    """The request that a command line makes; whoever types it owns the machine, and may name any mirror."""
    run_id = f"{params.profile}-{datetime.now():%Y%m%d-%H%M%S}"
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    others = params.model_copy(update={"mirror": None})
    return resolve(configuration, others, run_id, backend, own_mirror=params.mirror)


def _check_runner(configuration: Configuration) -> None:
    """Ask the configured runner whether it could start a stage, before anything is started or queued.

    In a process of its own, as Airflow's operators are what knows, and this package does not import them.
    """
    if configuration.orchestration.runner == "local":
        return
    environment = os.environ | {"AIRFLOW_HOME": str(state_folder() / "airflow")}
    command = [sys.executable, "-m", "dags.preflight"]
    asked = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise RequestError((asked.stderr.strip().splitlines() or [f"preflight ended with {asked.returncode}"])[-1])


def _check_store() -> None:
    """Reach the store that the environment names, if any, once: whoever mistyped it is waiting, as no stage is."""
    if uri := os.environ.get("STORE"):
        open_store(uri, IMPATIENT).exists(LATEST)


def _password() -> str:
    return Secrets.load(state_folder() / "airflow").password


@contextmanager
def _server(console: Console, owned: bool) -> Iterator[Connection]:
    """A server that is ready, found or started; one that was started for a single run ends with the block."""
    described = read_server(state_folder())
    if described:
        _check_settings(described)
        yield _ready(described, None)
        return
    console.print("starting the object store and Airflow ...", highlight=False)
    process = _spawn(owned)
    try:
        yield _ready(_described(process), process)
    except BaseException:
        owned = True  # what did not come up must not stay behind either
        raise
    finally:
        if owned:
            with _patience():
                _end(process)


def _spawn(owned: bool) -> subprocess.Popen:
    command = [sys.executable, "-m", "tasks.local", "serve", *(["--owner", str(os.getpid())] if owned else [])]
    log = state_folder() / "server.log"
    log.unlink(missing_ok=True)
    return processes.spawn(command, log, os.environ | {"LIKE_FOR_LIKE_STATE": str(state_folder())})


def _described(process: subprocess.Popen) -> dict[str, Any]:
    """What the server that `process` becomes writes about itself."""
    end = time.monotonic() + API_SECONDS
    while time.monotonic() < end:
        _check_alive(process)
        described = read_server(state_folder())
        if described and described["pid"] == process.pid:
            return described
        time.sleep(0.1)
    raise AirflowError(f"the server did not start within {API_SECONDS} s; see {state_folder() / 'server.log'}")


def _check_settings(described: Mapping[str, Any]) -> None:
    if described["owner"]:
        raise RequestError(f"another run is at work here (process {described['owner']}); wait for it, or use `make up`")
    for name in SETTINGS:
        ours, theirs = os.environ.get(name), described["settings"].get(name)
        if ours and ours != theirs:
            raise RequestError(
                f"{name}: the server that is up uses {theirs!r}, asked for was {ours!r}; `make down` first"
            )


def _ready(described: dict[str, Any], process: subprocess.Popen | None) -> Connection:
    """Wait until Airflow answers and has read the DAG as it is now."""
    api = AirflowApi(described["url"], _password())
    end = time.monotonic() + API_SECONDS
    while time.monotonic() < end:
        _check_alive(process)
        if api.is_up():
            dag = api.dag()
            if dag and not dag["is_stale"]:
                return Connection(described, api)
            if (error := api.import_error()) is not None:
                raise AirflowError(f"the DAG cannot be read: {error}")
        time.sleep(0.2)
    raise AirflowError(f"Airflow was not ready within {API_SECONDS} s; see {state_folder() / 'airflow' / 'logs'}")


def _check_alive(process: subprocess.Popen | None) -> None:
    if process is None or process.poll() is None:
        return
    if process.returncode == BUSY:
        raise RequestError("another run is starting here; wait for it, or use `make up`")
    log = state_folder() / "server.log"
    lines = log.read_text(errors="replace").strip().splitlines() or [f"it ended with {process.returncode}"]
    raise AirflowError(f"the server ended: {lines[-1]} (log: {log})")


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        processes.stop([process.pid])
    processes.stop(processes.leftovers(state_folder()))


def _stop_server(described: Mapping[str, Any]) -> None:
    os.kill(described["pid"], signal.SIGTERM)
    if not processes.wait_for_end(described["pid"], described["born"], STOP_SECONDS):
        processes.stop([described["pid"]])


@contextmanager
def _patience() -> Iterator[None]:
    """During the block Ctrl-C is not heard: it must not leave processes behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """One run, from its trigger to its report."""

    def __init__(self, request: Request, params: Parameters, connection: Connection, store: Store, console: Console):
        self._request, self._params, self._store, self._console = request, params, store, console
        self._api, self._run = connection.api, request.run

    def follow(self) -> int:
        """Trigger, watch, bring home; the exit code."""
        if (dag := self._api.dag()) and dag["is_paused"]:
            self._console.print(f"{DAG_ID} was paused; it is not any more (pause it again to stop the weekly run)")
            self._api.unpause()
        write_request(self._store, self._request)
        self._api.trigger(self._run, self._params.model_dump(mode="json", exclude_none=True))
        self._console.print(f"run {self._run}", highlight=False)
        try:
            state = self._watch()
        except KeyboardInterrupt:
            with _patience():
                self._cancel()
            raise
        return self._finish(state)

    def _watch(self) -> str:
        with view(self._console, self._run) as shown:
            while True:
                state = self._api.state(self._run)
                shown.show(self._rows())
                if state not in ACTIVE:
                    return state
                time.sleep(POLL_SECONDS)

    def _rows(self) -> list[Row]:
        return rows(self._api.tasks(self._run), self._request, self._progress)

    def _progress(self, place: Place, stage: str) -> str:
        try:
            record = read_record(self._store, self._run, place, stage)
        except StoreError:
            return ""  # the table can do without it; the stage itself will say what is wrong
        return record["progress"] if record else ""

    def _cancel(self) -> None:
        """Mark the run failed and wait for its tasks to end."""
        self._console.print("stopping ...", highlight=False)
        self._api.fail(self._run)
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end and any(row.state not in FINAL for row in self._rows()):
            time.sleep(POLL_SECONDS)

    def _finish(self, state: str) -> int:
        folder = outcome.download(self._store, self._run)
        if folder:
            outcome.show_comparison(self._console, folder)
            self._console.print(f"report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
        logs = state_folder() / "airflow" / "logs"
        for line in outcome.failures(self._rows(), self._store, self._run, logs):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True, style="red")
        self._console.print(f"run {self._run}: {state}", highlight=False)
        return 0 if state == "success" else 1
