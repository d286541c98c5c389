"""The server of this machine while it is up: who gets in, and where its secrets are."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest

from tasks.local.airflow import AirflowError, Secrets
from tasks.local.airflow_api import AirflowApi
from tasks.local.processes import family
from tasks.project import PROJECT
from tests.support import leaks
from tests.support.patience import PATIENCE
from tests.workflow.conftest import CANARY

# What says nothing of a run: whether the server lives, its release, what its interface looks like, the UI's empty page,
# and where to log in, which refuses a body without a password in its own way.
PUBLIC = {
    ("GET", "/api/v2/monitor/health"),
    ("GET", "/api/v2/version"),
    ("GET", "/api/v2/auth/login"),
    ("GET", "/api/v2/auth/logout"),
    ("GET", "/execution/health"),
    ("GET", "/execution/health/ping"),
    ("GET", "/execution/changelog"),
    ("GET", "/health"),
    ("GET", "/api/x"),
    ("GET", "/api/v1/x"),
    ("GET", "/x"),
    ("GET", "/auth/x"),
    ("POST", "/auth/token"),
    ("POST", "/auth/token/cli"),
} | {
    (method, f"{part}/{page}")
    for method in ("GET", "HEAD")
    for part in ("", "/execution", "/auth")
    for page in ("openapi.json", "docs", "docs/oauth2-redirect", "redoc")
}


class StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *parts):
        return None


def test_the_report_page_is_for_those_who_are_logged_in(machine, first, up):
    """The UI's report page is refused without a token, and comes with one, under a policy that lets no script run."""
    run = first[2]["run"]
    assert status(f"{up['url']}/reports/{run}") == 401
    token = sign_in(up["url"], Secrets.load(machine.state / "airflow").password)
    request = urllib.request.Request(f"{up['url']}/reports/{run}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert run in answer.read().decode()


HOSTILE = [
    {"mirror": "ftp://example.org"},
    {"mirror": "../etc"},
    {"profile": "{{ 7 * 7 }}"},
    {"datasets": ["../cifar10"]},
    {"epochs": 10**9},
    {"force": "$(id)"},
]


@pytest.mark.parametrize("parameters", HOSTILE, ids=str)
def test_the_rest_api_refuses_what_the_form_refuses(machine, up, parameters):
    """A run with a parameter of another kind is never made, whoever asks for it."""
    api = AirflowApi(up["url"], Secrets.load(machine.state / "airflow").password)
    with pytest.raises(AirflowError, match="answered 4"):
        api.trigger("hostile", parameters)
    with pytest.raises(AirflowError, match="answered 404"):
        api.state("hostile")


@pytest.fixture(scope="module", name="secrets")
def all_secrets(machine, up):
    """All that nobody else may know, by name."""
    kept = json.loads((machine.state / "airflow" / "secrets.json").read_text())
    return {**kept, "store": up["environment"]["AWS_SECRET_ACCESS_KEY"], "canary": machine.environment[CANARY]}


def test_the_secrets_stay_out_of_everything_that_the_run_left(machine, first, up, secrets):
    """No key and no password stands in a log, report or artifact; only in files that nobody else may read."""
    found = leaks.in_files([machine.state, machine.folder / "reports"], secrets)
    holders = {path: names for path, names in found.items() if names}
    assert len(found) > 100
    assert len(secrets) == 6
    assert "canary" not in set().union(*holders.values()), holders
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders), holders
    owners_alone = {"server.json", "connection.json", "secrets.json", "passwords.json", "proxy.conf"}
    assert {path.name for path in holders} <= owners_alone, holders
    assert {path.stat().st_mode & 0o777 for path in (machine.state, machine.state / "airflow")} == {0o700}


def test_the_secrets_stay_out_of_airflows_database(machine, first, up, secrets):
    """Nor in a rendered field, an XCom, a serialized DAG, or any other cell of any table."""
    found = leaks.in_database(machine.state / "airflow" / "airflow.db", secrets)
    assert found.keys() >= {
        "rendered_task_instance_fields",
        "xcom",
        "serialized_dag",
        "dag_run",
        "task_instance",
        "log",
    }
    assert {table: names for table, names in found.items() if names} == {}


def test_no_secret_stands_on_a_command_line_and_all_listen_on_loopback(machine, up, secrets):
    """Any user of a machine reads command lines; nobody from elsewhere reaches a port."""
    lines, connections = {}, []
    for process in family([up["pid"]]):
        with suppress(psutil.NoSuchProcess):  # one that just ended, which its parent has yet to notice
            lines[process.pid] = b"\0".join(part.encode() for part in process.cmdline())
            connections += process.net_connections("inet")
    assert len(lines) > 5
    assert {pid: line for pid, line in lines.items() if leaks.in_bytes(line, secrets)} == {}
    listening = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_nobody_gets_in_without_logging_in(machine, up, tmp_path):
    """Every route that the server answers, of the API, of the UI, of the tasks, and the reports, but for PUBLIC."""
    line = [sys.executable, "-m", "tests.support.airflow_routes"]
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    listed = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    routes = json.loads(listed.stdout.splitlines()[-1])
    routes += [["GET", "/reports/x"], ["GET", "/reports/x/report.json"]]
    assert len(routes) > 200
    answers = {(method, path): status(up["url"] + path, method) for method, path in routes}
    let_in = {route: code for route, code in answers.items() if code not in (401, 403)}
    assert set(let_in) == PUBLIC, let_in
    store = up["environment"]["AWS_ENDPOINT_URL_S3"]
    paths = (
        "/",
        "/like-for-like",
        "/like-for-like/reports/latest.json",
        "/v1/AUTH_workflow/like-for-like/reports/latest.json",
    )
    assert all(status(store + path, "GET") >= 400 for path in paths)
    wrong = json.dumps({"username": "admin", "password": "admin"}).encode()
    assert status(f"{up['url']}/auth/token", "POST", wrong) == 401
    assert status(f"{up['url']}/auth/token", "GET") in (401, 403)


def status(address, method="GET", body=b"{}"):
    """The status of an anonymous request, its own and not that of where it is sent on to."""
    headers = {"Content-Type": "application/json"}
    data = body if method in ("POST", "PUT", "PATCH") else None
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.build_opener(StayHere).open(request, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sign_in(url, password):
    body = json.dumps({"username": "admin", "password": password}).encode()
    request = urllib.request.Request(f"{url}/auth/token", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read())["access_token"]
