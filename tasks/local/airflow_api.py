"""A small client of Airflow's REST API, as far as this project needs it."""

import json
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tasks.errors import redacted
from tasks.local.airflow import USER, AirflowError
from tasks.settings.workflow import DAG_ID

ACTIVE = ("queued", "running")
PAGE = 100  # Airflow's own limit
RESTS = (1.0, 2.0, 4.0)  # seconds before a request is sent again that the database refused
# Loopback needs no proxy, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AirflowApi:
    """The API at `url`; signs in with the password when it has to."""

    def __init__(self, url: str, password: str):
        self._url, self._password, self._token = url, password, ""

    def is_up(self) -> bool:
        """Whether the API server answers people and tasks.

        The part for the tasks builds itself at its first request, for seconds in which nobody is answered: this is it.
        """
        try:
            return bool(self._send("GET", "/execution/health"))
        except AirflowError:
            return False

    def heard_of(self, since: datetime) -> list[str]:
        """The components beside this server that have given a sign of life since then, as people name them."""
        try:
            told = self._send("GET", "/api/v2/monitor/health")
        except AirflowError:
            return []
        names = {"scheduler": "scheduler", "dag_processor": "DAG processor"}
        beats = {name: (told.get(key) or {}).get(f"latest_{key}_heartbeat") for key, name in names.items()}
        return [name for name, beat in beats.items() if beat and datetime.fromisoformat(beat) > since]

    def dag(self) -> dict[str, Any] | None:
        """The DAG as it was last parsed, or None before that."""
        try:
            return self._call("GET", f"/dags/{DAG_ID}")
        except AirflowError:
            return None

    def datasets(self) -> set[str]:
        """The datasets that the form offers, as the DAG was last parsed."""
        return set(self._call("GET", f"/dags/{DAG_ID}/details")["params"]["datasets"]["schema"]["items"]["enum"])

    def read_again(self) -> None:
        """Let the DAG be parsed before its time."""
        token = self._call("GET", f"/dags/{DAG_ID}")["file_token"]
        self._call("PUT", f"/parseDagFile/{token}")

    def import_error(self) -> str | None:
        """The last line of what keeps a DAG file from being read, or None."""
        try:
            errors = self._call("GET", "/importErrors")["import_errors"]
        except AirflowError:
            return None
        return errors[0]["stack_trace"].strip().splitlines()[-1] if errors else None

    def unpause(self) -> None:
        """Let runs of the DAG start."""
        self._call("PATCH", f"/dags/{DAG_ID}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, run: str, parameters: dict[str, Any]) -> None:
        """Queue a run of that id with these values of the form.

        Raises:
            AirflowError: the id is taken, or the form refuses a value.
        """
        body = {"dag_run_id": run, "logical_date": None, "conf": parameters}
        self._call("POST", f"/dags/{DAG_ID}/dagRuns", body)

    def state(self, run: str) -> str:
        """queued, running, success or failed."""
        return self._call("GET", _run(run))["state"]

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones each by itself."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", f"{_run(run)}/taskInstances?limit={PAGE}&offset={len(found)}")
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def active(self) -> list[str]:
        """The runs that are queued or running."""
        states = "&".join(f"state={state}" for state in ACTIVE)
        runs = self._call("GET", f"/dags/{DAG_ID}/dagRuns?{states}&limit={PAGE}")["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    def fail(self, run: str) -> None:
        """Mark a run failed: its running tasks are ended, the others never start, nothing resumes it."""
        self._call("PATCH", f"{_run(run)}?update_mask=state", {"state": "failed"})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """An answer of the API, asked for again while its database is locked: what that refused has changed nothing."""
        for rest in RESTS:
            try:
                return self._signed(method, path, body)
            except DatabaseLocked:
                time.sleep(rest)
        return self._signed(method, path, body)

    def _signed(self, method: str, path: str, body: Any) -> Any:
        """An answer of the API, signing in first, and again when the token has run out."""
        self._token = self._token or self._sign_in()
        try:
            return self._send(method, f"/api/v2{path}", body)
        except Unauthorized:
            self._token = self._sign_in()
            return self._send(method, f"/api/v2{path}", body)

    def _sign_in(self) -> str:
        self._token = ""
        return self._send("POST", "/auth/token", {"username": USER, "password": self._password})["access_token"]

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310
        try:
            with OPENER.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            detail = redacted(error.read().decode(errors="replace"))[:500]
            raise _kind(error.code, detail)(f"{method} {path}: Airflow answered {error.code}: {detail}") from None
        except OSError as error:
            raise AirflowError(f"{self._url}: expected Airflow to answer; {error}") from None


class Unauthorized(AirflowError):  # noqa: N818
    """The token has run out, or the password is another."""


class DatabaseLocked(AirflowError):  # noqa: N818
    """Airflow's database refused the request.

    Over SQLite this comes by itself: Airflow 3.3.2 notes what a person does in the thread that also ends the tasks'
    requests. When a task's request holds the database just then, both wait for each other until SQLite gives up.
    """


def _kind(status: int, detail: str) -> type[AirflowError]:
    if status == 401:
        return Unauthorized
    return DatabaseLocked if status == 500 and "Database error" in detail else AirflowError


def _run(run: str) -> str:
    return f"/dags/{DAG_ID}/dagRuns/{quote(run, safe='')}"
