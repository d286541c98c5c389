"""Each channel against a real server: what arrives, what is escaped, and what is said where nothing can arrive."""

import hashlib
import hmac
import json
import socket

import pytest

from tasks.settings.notifications import Channel
from tests.support.http_server import answer, in_turn, server, silent_server
from tests.support.lazy import Lazy
from tests.support.mail_server import mail_server

delivery = Lazy("dags.notifications.channels.delivery")
email = Lazy("dags.notifications.channels.email")
exceptions = Lazy("airflow.sdk.exceptions")
message = Lazy("dags.notifications.message")
slack = Lazy("dags.notifications.channels.slack")
webhook = Lazy("dags.notifications.channels.webhook")

TO = ("team@example.org", "lead@example.org")
KEY = "a-key-that-nobody-knows"
PLACE = "services"
SECRET = "T000/B000/XXXXXXXXXXXX"
# A class and a dataset may be called anything, and so may a run.
HOSTILE = "run\r\nBcc: victim@example.org\x1b[2J\u202e <!channel> & <https://evil.example.org|ok>"


def told(**fields):
    """A message about a run with these fields."""
    usual = {
        "occasions": ("partial", "verdict_changed"),
        "dag": "compare_image_models",
        "run": "monday",
        "subject": "the verdict on Größe changed",
        "lines": ("On Größe at 30,000 parameters the CNN is better.", "Failed tasks: shapes.train_ann."),
        "verdicts": ("On Größe at 30,000 parameters the CNN is better.",),
        "failed": ("shapes.train_ann",),
        "changed": "Since run sunday: mixup 0.2 (was off).",
        "links": {"Report": "https://airflow.example.org/reports/monday"},
    }
    return message.Message(**usual | fields)


@pytest.fixture
def connect(monkeypatch):
    """Make the Airflow connection `the_connection`."""

    def connect(**fields):
        monkeypatch.setenv("AIRFLOW_CONN_THE_CONNECTION", json.dumps(fields))

    return connect


@pytest.fixture
def receiver():
    """A receiver of POST that answers with these in turn; what it received, and its address."""
    received = []

    def taking(reply):
        def respond(handler):
            body = handler.rfile.read(int(handler.headers["Content-Length"]))
            received.append((handler.path, dict(handler.headers), body))
            reply(handler)

        return respond

    return received, lambda *replies: server(in_turn(*(taking(reply) for reply in replies)))


def channel(kind):
    """A channel of that kind over the connection."""
    to = TO if kind == "email" else ()
    return Channel(kind=kind, connection="the_connection", to=to, on=("always",))


def status(code, body=b"", **headers):
    """What answers so."""
    return lambda handler: answer(handler, body, status=code, **headers)


def mailing(port, **extra):
    """The fields of a connection to a mail server that has no TLS."""
    extra = {"from_email": "like-for-like@example.org", "disable_ssl": True, "disable_tls": True} | extra
    return {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}


def test_a_letter_says_all_in_plain_text(connect):
    """One letter to all, with the verdict in its first line, then what changed, then the links; no robot answers it."""
    with mail_server() as mail:
        connect(**mailing(mail.port))
        email.send(channel("email"), told())
    (letter,), (envelope,) = mail.letters, mail.envelopes
    assert (envelope.mail_from, tuple(envelope.rcpt_tos)) == ("like-for-like@example.org", TO)
    assert letter["Subject"] == "Like for Like: the verdict on Größe changed"
    assert (letter["To"], letter["Auto-Submitted"]) == (", ".join(TO), "auto-generated")
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().replace("\r\n", "\n") == (
        "On Größe at 30,000 parameters the CNN is better.\n"
        "Failed tasks: shapes.train_ann.\n\n"
        "Since run sunday: mixup 0.2 (was off).\n\n"
        "Report: https://airflow.example.org/reports/monday\n"
        "Run: monday\n"
    )


def test_no_text_becomes_a_header(connect):
    """A name with line breaks, control and bidirectional characters stays one line of the subject; nobody is added."""
    with mail_server() as mail:
        connect(**mailing(mail.port))
        email.send(channel("email"), told(subject=HOSTILE, lines=(HOSTILE,), run=HOSTILE))
    (letter,), (envelope,) = mail.letters, mail.envelopes
    assert tuple(envelope.rcpt_tos) == TO
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("Like for Like: run Bcc: victim@example.org [2J <!channel>")
    assert not {"\x1b", "\u202e"} & {*letter.get_content()}


def test_a_subject_is_short():
    """A long one is cut."""
    assert len(told(subject="long " * 100).heading) == 120


def test_a_mail_server_that_asks_who_is_there_is_told(connect):
    """The login and the password are the connection's."""
    asked = []

    def authenticate(server, session, envelope, mechanism, data):
        from aiosmtpd.smtp import AuthResult

        asked.append((data.login, data.password))
        return AuthResult(success=True)

    with mail_server(authenticator=authenticate, auth_required=True, auth_require_tls=False) as mail:
        connect(**mailing(mail.port), login="us", password=KEY)
        email.send(channel("email"), told())
    assert (asked, len(mail.letters)) == ([(b"us", KEY.encode())], 1)


@pytest.mark.parametrize("refusal", ["451 later", "554 never"])
def test_a_letter_that_is_refused_may_be_sent_again(connect, refusal):
    """The error names the server and what it said; the next attempt sends the same letter."""
    with mail_server() as mail:
        connect(**mailing(mail.port))
        mail.answers.append(refusal)
        with pytest.raises(delivery.UndeliveredError, match=rf"127\.0\.0\.1:{mail.port}: .*{refusal[4:]}"):
            email.send(channel("email"), told())
        email.send(channel("email"), told())
    assert len(mail.letters) == 1


def test_a_letter_needs_a_sender(connect):
    """Without one no retry helps."""
    connect(**mailing(1, from_email=None))
    with pytest.raises(exceptions.AirflowFailException, match="expected `from_email` in its extra"):
        email.send(channel("email"), told())


def test_a_webhook_is_a_signed_document(connect, receiver):
    """It goes to the connection's address. Whoever has the key can check it as dags/README.md says."""
    received, serve = receiver
    with serve(status(204)) as url:
        connect(conn_type="http", host=f"{url}/hooks/us", password=KEY)
        webhook.send(channel("webhook"), told())
    ((path, headers, body),) = received
    assert (path, headers["Content-Type"]) == ("/hooks/us", "application/json")
    given = dict(part.split("=", 1) for part in headers["X-Like-For-Like-Signature"].split(","))
    expected = hmac.new(KEY.encode(), f"{given['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, given["v1"])
    document = json.loads(body)
    assert len(document.pop("id")) == 32
    assert document == {
        "version": 1,
        "occasions": ["partial", "verdict_changed"],
        "dag": "compare_image_models",
        "run": "monday",
        "dataset": None,
        "subject": "Like for Like: the verdict on Größe changed",
        "headline": "On Größe at 30,000 parameters the CNN is better.",
        "text": told().text,
        "verdicts": ["On Größe at 30,000 parameters the CNN is better."],
        "failed": ["shapes.train_ann"],
        "changed": "Since run sunday: mixup 0.2 (was off).",
        "links": {"Report": "https://airflow.example.org/reports/monday"},
    }


def test_every_attempt_brings_the_same_document(connect, receiver):
    """A receiver knows by its id what it had already; another message has another id."""
    received, serve = receiver
    with serve(status(500), status(200)) as url:
        connect(conn_type="http", host=url, password=KEY)
        with pytest.raises(delivery.UndeliveredError, match="expected an answer of 200 to 299, received 500"):
            webhook.send(channel("webhook"), told())
        webhook.send(channel("webhook"), told())
        webhook.send(channel("webhook"), told(run="tuesday"))
    first, second, third = (json.loads(body) for _, _, body in received)
    assert first == second
    assert third["id"] != first["id"]


def test_slack_gets_text_in_which_nothing_is_a_command(connect, receiver):
    """The connection's host and password make the address. No name calls everybody, or becomes a link."""
    received, serve = receiver
    with serve(status(200, b"ok")) as url:
        connect(conn_type="http", host=f"{url}/{PLACE}", password=SECRET)
        slack.send(channel("slack"), told(lines=(HOSTILE,)))
    ((path, _, body),) = received
    assert path == f"/{PLACE}/{SECRET}"
    text = json.loads(body)["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example.org|ok&gt;" in text
    assert not {"<", ">"} & {*text}
    assert text.splitlines()[0] == "Like for Like: the verdict on Größe changed"


def test_slack_gets_no_more_than_it_shows():
    """A long text is cut before its escaping, so that no escape is."""
    text = slack.text(told(lines=("&" * 10_000,)))
    assert text.endswith("&amp;…")
    assert len(text.replace("&amp;", "&")) == 3500


@pytest.mark.parametrize("kind", ["webhook", "slack"])
@pytest.mark.parametrize(
    ("code", "is_final"),
    [(301, True), (400, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_what_no_retry_mends_is_not_tried_again(connect, receiver, kind, code, is_final):
    """A refusal fails at once. What is said of it names the host and the answer, and neither address nor secret."""
    received, serve = receiver
    with serve(status(code, f"no {SECRET} {KEY}".encode(), Location="http://127.0.0.1:1/")) as url:
        connect(conn_type="http", host=f"{url}/{PLACE}", password=SECRET)
        raised = exceptions.AirflowFailException if is_final else delivery.UndeliveredError
        with pytest.raises(raised, match=rf"127\.0\.0\.1: expected an answer of 200 to 299, received {code}") as caught:
            Lazy(f"dags.notifications.channels.{kind}").send(channel(kind), told())
    assert len(received) == 1
    assert SECRET not in str(caught.value)
    assert PLACE not in str(caught.value)


@pytest.mark.parametrize("kind", ["email", "webhook", "slack"])
def test_a_server_that_is_down_is_tried_again(connect, kind):
    """The error names the host, and neither path nor password: for a hook both are a secret."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    host = "127.0.0.1" if kind == "email" else f"http://127.0.0.1:{port}/{PLACE}"
    connect(**mailing(port) | {"host": host, "password": SECRET})
    with pytest.raises(delivery.UndeliveredError, match=r"127\.0\.0\.1") as caught:
        Lazy(f"dags.notifications.channels.{kind}").send(channel(kind), told())
    assert SECRET not in str(caught.value)
    assert PLACE not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", ["email", "webhook", "slack"])
def test_a_server_that_never_answers_is_not_waited_for(connect, monkeypatch, kind):
    """Every channel has a limit."""
    monkeypatch.setattr(delivery, "TIMEOUT", (0.05, 0.05))
    with silent_server() as url:
        host = "127.0.0.1" if kind == "email" else url
        connect(**mailing(int(url.rpartition(":")[2]), timeout=1, retry_limit=0) | {"host": host, "password": SECRET})
        with pytest.raises(delivery.UndeliveredError):
            Lazy(f"dags.notifications.channels.{kind}").send(channel(kind), told())


@pytest.mark.parametrize("kind", ["email", "webhook", "slack"])
def test_a_connection_that_is_not_there_is_named(kind):
    """No retry helps; the message says what does."""
    with pytest.raises(exceptions.AirflowFailException, match="named 'the_connection', found none; `airflow connect"):
        Lazy(f"dags.notifications.channels.{kind}").send(channel(kind), told())


@pytest.mark.parametrize("missing", ["host", "password"])
@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_a_hook_needs_a_host_and_a_password(connect, kind, missing):
    """Nothing is sent unsigned."""
    fields = {"conn_type": "http", "host": "https://example.org", "password": SECRET}
    del fields[missing]
    connect(**fields)
    with pytest.raises(exceptions.AirflowFailException, match=f"connection the_connection: expected a {missing}"):
        Lazy(f"dags.notifications.channels.{kind}").send(channel(kind), told())


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "https://example.org/a/b"}, "https://example.org/a/b"),
        ({"host": "example.org", "schema": "http", "port": 81}, "http://example.org:81"),
        ({"host": "example.org"}, "https://example.org"),
    ],
)
def test_a_host_may_be_a_whole_address(connect, fields, address):
    """As in Airflow's own hooks; without a scheme it is https."""
    connect(conn_type="http", **fields)
    assert delivery.address(delivery.connection("the_connection")) == address
