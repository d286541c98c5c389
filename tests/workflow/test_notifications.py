"""People are told of real runs: by a real SMTP server and a real HTTP server, whatever becomes of the run."""

import json
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote

import pytest

from tests.support.airflow_rest import COMPARISON, PROMOTION, AirflowRest, awaited
from tests.support.http_server import answer, server
from tests.support.lazy import Lazy
from tests.support.machine import SMALL_RUNS, Machine
from tests.support.mail_server import mail_server

webhook = Lazy("dags.notifications.channels.webhook")

PAGE, KEY = "https://airflow.example.org", "the-key-of-the-signature"
# Every run has taken too long as soon as it starts. Nobody made the connection of `gone`.
SITE = f"""{SMALL_RUNS}
[notifications]
page = "{PAGE}"
expected_hours = 0.000001
channels.team = {{ kind = "email", connection = "team_mail", to = ["team@example.org"], on = ["always"] }}
channels.hook = {{ kind = "webhook", connection = "team_hook", on = ["failed", "partial"] }}
channels.gone = {{ kind = "slack", connection = "nobody_made_it", on = ["always"] }}
"""
# One family cannot be searched as long as the folder holds a file `broken`. The gate lets every result pass.
STAND_IN = """#!/bin/sh
case " $* " in
  *" search "*" --family cnn "*) [ -e "{folder}/broken" ] && exit 65 ;;
esac
case "$3" in
  judge | promote) shift 2; exec "{python}" -m tests.support.stand_in_gate "{folder}" "$@" ;;
esac
exec "{python}" "$@"
"""


class Hook:
    """A receiver of webhooks that fails at the first attempt of each document."""

    def __init__(self):
        self.received = []

    def __call__(self, handler: BaseHTTPRequestHandler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        is_new = body not in (known for _, known in self.received)
        self.received.append((handler.headers[webhook.SIGNATURE], body))
        answer(handler, status=500 if is_new else 200)


class Office(AirflowRest):
    """The API as whoever sets up the channels uses it, and as whoever looks at the tasks."""

    def connect(self, **connection):
        self._call("POST", "/connections", connection)

    def log(self, dag, run, task):
        """All that the log of a task's last attempt says."""
        place = f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}"
        tries = self._call("GET", place)["try_number"]
        return json.dumps(self._call("GET", f"{place}/logs/{tries}?full_content=true"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notifications")
    machine = Machine.of_a_site(folder, SITE, STAND_IN)
    (machine.folder / "patience").write_text("72")
    yield machine
    machine.type("down")


@pytest.fixture(scope="module")
def channels():
    """The receivers: the mail server and the hook, with its address."""
    hook = Hook()
    with ExitStack() as running:
        mail, url = running.enter_context(mail_server()), running.enter_context(server(hook))
        yield mail, hook, url


@pytest.fixture(scope="module")
def office(machine, channels):
    mail, _, url = channels
    office = Office.of(machine)
    extra = {"from_email": "like-for-like@example.org", "disable_ssl": True, "disable_tls": True}
    office.connect(
        connection_id="team_mail", conn_type="smtp", host="127.0.0.1", port=mail.port, extra=json.dumps(extra)
    )
    office.connect(connection_id="team_hook", conn_type="http", host=f"{url}/hooks", password=KEY)
    return office


@pytest.fixture(scope="module")
def good(office):
    """A run in which all goes well."""
    office.change("cifar10")
    return office.next_run(0)


@pytest.fixture(scope="module")
def skipped(office, good):
    """A run that finds nothing new."""
    office.change("cifar10")
    return office.next_run(1)


@pytest.fixture(scope="module")
def partial(machine, office, skipped):
    """A run in which a family fails."""
    (machine.folder / "broken").touch()
    office.change("fashion_mnist")
    return office.next_run(2)


def letters(channels, run):
    """What the team got about the end of a run, and about its deadline."""
    mail, _, _ = channels
    told = [each for each in mail.letters if run["dag_run_id"] in each.get_content()]
    return [each for each in told if "longer" not in each["Subject"]], [
        each for each in told if "longer" in each["Subject"]
    ]


def test_a_dead_channel_fails_no_run_and_is_seen(office, good):
    """The run is a success. The task of the channel failed, and its log says why."""
    states = office.states(COMPARISON, good)
    assert good["state"] == states["complete"] == states["notify.team"] == "success"
    assert (states["notify.gone"], states["notify.hook"]) == ("failed", "skipped")
    assert "expected an Airflow connection named" in office.log(COMPARISON, good["dag_run_id"], "notify.gone")


def test_the_verdict_of_a_good_run_is_told(machine, channels, good):
    """The letter's first line is the report's verdict, and it links to the report and to the run."""
    (letter,), _ = letters(channels, good)
    run = quote(good["dag_run_id"], safe="")
    lines = letter.get_content().splitlines()
    assert lines[0].startswith("On ")
    assert lines[-3:] == [
        f"Report: {PAGE}/reports/{run}",
        f"Run in Airflow: {PAGE}/dags/compare_image_models/runs/{run}",
        f"Run: {good['dag_run_id']}",
    ]


def test_a_run_with_nothing_to_do_is_told_to_who_hears_everything(office, channels, skipped):
    """The run is skipped, and the letter says so."""
    (letter,), _ = letters(channels, skipped)
    assert letter.get_content().startswith(f"Run {skipped['dag_run_id']} had nothing to do.")
    assert office.states(COMPARISON, skipped)["notify.hook"] == "skipped"


def test_telling_hides_no_failed_run(office, partial):
    """A family failed: the run is a failed one, although the tasks that tell people came after, and succeeded."""
    states = office.states(COMPARISON, partial)
    assert (partial["state"], states["complete"]) == ("failed", "failed")
    assert (states["notify.team"], states["notify.hook"]) == ("success", "success")


def test_a_failing_receiver_is_tried_again(channels, partial):
    """It answers 500 first. The second attempt brings the same document, under a signature of its own."""
    _, hook, _ = channels
    run = partial["dag_run_id"]
    (first, body), (second, again) = (each for each in hook.received if json.loads(each[1])["run"] == run)
    assert body == again
    for given in (first, second):
        seconds = int(given.removeprefix("t=").partition(",")[0])
        assert given == webhook.signature(body, KEY, seconds)
    told = json.loads(body)
    assert (told["run"], told["occasions"]) == (run, ["failed", "partial"])
    assert told["failed"] == ["fashion_mnist.search_cnn"]
    assert told["headline"] == told["verdicts"][0]


def test_a_run_that_takes_too_long_is_told_of_once(office, channels, good):
    """The deadline has a run of its own, which tells while the other still works."""
    late = awaited(lambda: [each for each in office.runs("late_runs") if each["dag_run_id"] == good["dag_run_id"]])
    assert len(late) == 1
    office.ended("late_runs", good["dag_run_id"])
    _, (letter,) = letters(channels, good)
    assert letter.get_content().startswith(f"Run {good['dag_run_id']} has run for more than 1e-06 hours")


def test_a_candidate_is_told_of_while_it_waits(office, channels, good):
    """The letter arrives before anybody has answered, and leads to the approval. The answer is told, too."""
    (run,) = awaited(lambda: office.runs(PROMOTION))[:1]
    question = office.question(run["dag_run_id"])
    (letter,) = awaited(lambda: letters(channels, run)[0])
    assert office.states(PROMOTION, run)["cifar10.approve"] == "awaiting_input"
    assert letter["Subject"] == "Like for Like: a candidate for Tiny CIFAR waits for approval"
    assert "/tasks/cifar10.approve/required_actions" in letter.get_content()
    office.reply(question, "Approve")
    run = office.ended(PROMOTION, run["dag_run_id"])
    assert letters(channels, run)[0][1]["Subject"] == "Like for Like: Tiny CIFAR has a new champion"
    states = office.states(PROMOTION, run)
    assert (run["state"], states["cifar10.notify.team"], states["cifar10.notify.gone"]) == (
        "success",
        "success",
        "failed",
    )
    assert (states["fashion_mnist.notify_waiting.team"], states["fashion_mnist.notify.team"]) == ("skipped", "skipped")


def test_a_run_that_a_person_stops_is_a_failed_one(office, partial):
    """At once, also where a channel is dead. Nobody is told."""
    run = office.start(COMPARISON, profile="smoke", datasets=["cifar10"])
    awaited(lambda: "running" in office.states(COMPARISON, {"dag_run_id": run}).values())
    office.fail(run)
    stopped = office.ended(COMPARISON, run)
    states = office.states(COMPARISON, stopped)
    assert (stopped["state"], states["notify.team"], states["notify.gone"]) == ("failed", "skipped", "skipped")


def test_no_secret_is_in_a_log(machine, channels, partial):
    """Neither the key of the signature nor the address of the hook is in any file of Airflow's logs."""
    _, _, url = channels
    for path in (machine.state / "airflow" / "logs").rglob("*.log"):
        text = path.read_text(errors="replace")
        assert KEY not in text, path
        assert f"{url}/hooks" not in text, path
