"""The workflow on this machine: `run` it once, or bring the server `up` and `down`.

`run` starts the server unless one is up, triggers the DAG, shows what happens, brings the report home, and stops what
it started. The state of all this lies in one folder. Nobody waits for long without a sign of life.
"""

import os
import secrets
import subprocess
import sys
import time
from datetime import datetime
from typing import Any

from rich.console import Console

from tasks.environment import lead_to, put_back
from tasks.errors import RequestError
from tasks.local import processes
from tasks.local.airflow import USER, slots
from tasks.local.airflow_api import ACTIVE
from tasks.local.patience import StalledError, seconds_of_patience
from tasks.local.server import read_server, supervisor
from tasks.local.startup import (
    STOP_SECONDS,
    Connection,
    inherited,
    password,
    server,
    state_folder,
    stop_server,
    uninterrupted,
)
from tasks.local.view import outcome
from tasks.local.view.live_table import FINAL, Row, observed, rows, view
from tasks.local.view.time_left import outlook
from tasks.local.view.voice import Voice, clock_time
from tasks.project import PROJECT
from tasks.runs.order import LATEST
from tasks.runs.records import read_record
from tasks.runs.requests import write_request
from tasks.settings.loading import Configuration, configured, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters, Request
from tasks.settings.workflow import DAG_ID
from tasks.storage.contract import Store, StoreError, require_conditional_writes
from tasks.storage.documents import DamagedError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy

POLL_SECONDS, MAX_POLL_SECONDS = 1.5, 5.0  # the longest fits into the 10 s after which the view says something
REST_SECONDS = 30.0  # where looks are slow; a server that was away for a while must not be left alone for longer
IMPATIENT = RetryPolicy(seconds=0, silence=4)


def run(params: Parameters, console: Console) -> int:
    """Run the workflow once as `params` says; 0 only when the run succeeded.

    Raises:
        RequestError: a parameter or the configuration is wrong; nothing was started.
        AirflowError, StoreError, StalledError: a server failed.
    """
    _join_server()
    configuration = configured(os.environ)
    request = _checked(params, configuration)
    if params.mirror:
        os.environ["DATASET_MIRROR"] = params.mirror  # a runner that makes containers lets them see this folder
    voice = Voice(console)
    with voice.keeping_alive(), voice.busy("looking for the runner and the store"):
        _check_runner(configuration)
        _check_store()
    params = params.model_copy(update={"mirror": None})  # a form's mirror is anybody's; this one is the owner's
    with voice.keeping_alive(), server(voice, owned=True) as connection:
        _introduce(voice, connection)
        for line in _left_out(params, configuration):
            voice.say(line, style="yellow")
        if embedded := connection.described["environment"]:
            lead_to(os.environ, embedded)
        return _Run(request, params, connection, open_store(connection.store), voice).follow()


def up(console: Console) -> int:
    """Bring the server up, or find it up, and say where it is; raises as `run` does."""
    voice = Voice(console)
    with voice.keeping_alive(), voice.busy("looking for the runner and the store"):
        _check_runner(configured(os.environ))
        _check_store()
        with server(voice, owned=False) as connection:
            _introduce(voice, connection)
            voice.say("runs start by themselves meanwhile: by the schedule, and when a dataset has changed")
            voice.say("make down stops it")
    return 0


def _introduce(voice: Voice, connection: Connection) -> None:
    """Say where the UI is and who may log in, and which store is used."""
    voice.say(f"Airflow   {connection.described['url']}")
    voice.say(f"login     {USER} / {password()}")
    voice.say(f"store     {connection.store}")


def _left_out(params: Parameters, configuration: Configuration) -> list[str]:
    """What a run that names no datasets, or no families, goes without, and why."""
    kinds = [kind for kind in ("datasets", "families") if not getattr(params, kind)]
    unusable = [item for kind in kinds for item in configuration.unusable.get(kind, {}).items()]
    return [f"left out: {name}: {reason}" for name, reason in unusable]


def down(console: Console) -> int:
    """Stop the server; active runs are marked failed. It is fine when none is up."""
    state, voice = state_folder(), Voice(console)
    described, process = read_server(state), supervisor(state)
    with voice.keeping_alive(), voice.busy("stopping Airflow and the object store"):
        if process:
            stop_server(process)
        processes.stop(processes.leftovers(state))
    started = "stopped" if described else "stopped what was starting"
    console.print(started if process else "nothing was up", highlight=False)
    return 0


def _join_server() -> None:
    """Take over the settings of a server that is up, where this command has none: it makes the request of its run."""
    described = read_server(state_folder())
    for name, value in described["settings"].items() if described else ():
        os.environ[name] = os.environ.get(name) or value


def _checked(params: Parameters, configuration: Configuration) -> Request:
    """The request that a command line makes; whoever types it owns the machine, and may name any mirror."""
    # The last part keeps two machines apart that share a store.
    run_id = f"{params.profile}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    backend = os.environ.get("KERAS_BACKEND") or None
    others = params.model_copy(update={"mirror": None})
    return resolve(configuration, others, run_id, backend, own_mirror=params.mirror)


def _check_runner(configuration: Configuration) -> None:
    """Ask the configured runner whether it could start a stage, before anything is started or queued.

    In a process of its own, as Airflow's operators are what knows, and this package does not import them.
    """
    if configuration.orchestration.runner == "local":
        return
    environment = put_back(inherited()) | {"AIRFLOW_HOME": str(state_folder() / "airflow")}
    command = [sys.executable, "-m", "dags.preflight"]
    asked = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if asked.returncode:
        raise RequestError((asked.stderr.strip().splitlines() or [f"preflight ended with {asked.returncode}"])[-1])


def _check_store() -> None:
    """Reach and probe the store that the environment names, if any: whoever mistyped it is waiting, as no stage is."""
    if uri := os.environ.get("STORE"):
        store = open_store(uri, IMPATIENT)
        store.exists(LATEST)  # the first fault of a store that cannot be reached
        require_conditional_writes(store)


def pause(passed: float, look: float) -> float:
    """The seconds until the next look at a run that began so long ago, where the last `look` took so many seconds.

    A look takes 0.1 s of the cores that train. In a run of 200 datasets it takes Airflow seconds: a tenth of the time
    is enough for looks.
    """
    return max(min(REST_SECONDS, 9 * look), min(MAX_POLL_SECONDS, max(POLL_SECONDS, passed / 60)))


class _Run:
    """One run, from its trigger to its report."""

    def __init__(self, request: Request, params: Parameters, connection: Connection, store: Store, voice: Voice):
        self._request, self._params, self._store, self._voice = request, params, store, voice
        self._api, self._run = connection.api, request.run
        self._began = time.monotonic()
        self._said: dict[tuple[str, Place], str] = {}
        self._has_said_who = False

    def follow(self) -> int:
        """Trigger, watch, bring home; the exit code."""
        if (dag := self._api.dag()) and dag["is_paused"]:
            self._voice.say(f"{DAG_ID} was paused; it is not any more (pause it again to stop the weekly run)")
            self._api.unpause()
        with self._voice.busy("waiting until Airflow has seen the new dataset"):
            self._introduce_datasets()
        with self._voice.busy("writing the run's request to the store"):
            write_request(self._store, self._request)
        self._api.trigger(self._run, self._params.model_dump(mode="json", exclude_none=True))
        self._voice.say(f"run {self._run}")
        try:
            with self._voice.busy("running"):
                state = self._watch()
        except KeyboardInterrupt:
            with uninterrupted(), self._voice.busy("stopping the run's tasks"):
                self._cancel()
            raise
        with self._voice.busy("bringing the report home"):
            return self._finish(state)

    def _introduce_datasets(self) -> None:
        """Let Airflow read the DAG again where a dataset of this run was added after the last time.

        Raises:
            StalledError: it does not offer the dataset for long.
        """
        wanted = {dataset.name for dataset in self._request.datasets}
        if wanted <= self._api.datasets():
            return
        self._api.read_again()
        end = time.monotonic() + seconds_of_patience()
        while missing := wanted - self._api.datasets():
            if time.monotonic() > end:
                names = ", ".join(sorted(missing))
                raise StalledError(
                    f"{names}: expected Airflow to offer it, but it does not; `make down`, and try again"
                )
            time.sleep(POLL_SECONDS)

    def _watch(self) -> str:
        with view(self._voice) as shown:
            started = time.monotonic()
            while True:
                began = time.monotonic()
                state, tasks = self._api.state(self._run), self._tasks()
                look = time.monotonic() - began
                found = self._rows(tasks)
                if state == "queued":
                    self._say_who_is_first()
                shown.show(found, outlook(self._request, observed(found), slots()))
                if state not in ACTIVE:
                    return state
                time.sleep(pause(time.monotonic() - started, look))

    def _say_who_is_first(self) -> None:
        """Say once which other run this one waits for: Airflow works at one at a time."""
        if self._has_said_who:
            return
        if others := [run for run in self._api.active() if run != self._run]:
            self._has_said_who = True
            self._voice.say(f"waiting for the end of run {others[0]}")

    def _tasks(self) -> list[dict[str, Any]]:
        return self._api.tasks(self._run)

    def _rows(self, tasks: list[dict[str, Any]]) -> list[Row]:
        return rows(tasks, self._request, self._progress)

    def _progress(self, place: Place, stage: str) -> str:
        """What a stage last said; one that has ended says nothing new, so it is asked once."""
        if (stage, place) in self._said:
            return self._said[stage, place]
        try:
            record = read_record(self._store, self._run, place, stage)
        except (StoreError, DamagedError):
            return ""  # the table can do without it; the stage itself will say what is wrong
        if record and record["status"] == "done":
            self._said[stage, place] = record["progress"]
        return record["progress"] if record else ""

    def _cancel(self) -> None:
        """Mark the run failed and wait for its tasks to end."""
        self._voice.say("stopping the run's tasks ...")
        self._api.fail(self._run)
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end and any(row.state not in FINAL for row in self._rows(self._tasks())):
            time.sleep(POLL_SECONDS)

    def _finish(self, state: str) -> int:
        folder = outcome.download(self._store, self._run)
        if folder:
            outcome.show_comparison(self._voice.console, folder)
            self._voice.say(f"report: {folder / 'report.html'}")
            self._voice.say("next: make promote judges the best models, and make predict uses those that pass")
        logs = state_folder() / "airflow" / "logs"
        ended = self._rows(self._tasks())
        for line in outcome.warnings(ended):
            self._voice.say(line, style="yellow")
        for line in outcome.failures(ended, self._store, self._request, logs):
            self._voice.say(line, style="red")
        self._voice.say(f"run {self._run}: {state}, after {clock_time(time.monotonic() - self._began)}")
        return 0 if state == "success" else 1
