"""What an S3 server or what lies before it refuses: the cause, the advice, and no waiting for what will not pass."""

import http.server
import re
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from tasks.storage.bucket import S3Store
from tasks.storage.contract import Store, StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy
from tests.support.fault_proxy import FaultProxy, answering, fault_proxy

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch):
    """Credentials of nobody, and no proxy but the test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """A server that answers as a test says, and sees nothing."""
    with fault_proxy(NOWHERE) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.address)
        yield proxy


@pytest.fixture
def store(server: FaultProxy) -> Store:
    """A store that waits for what may pass as long as a stage does."""
    return open_store("s3://bucket/prefix")


def refusal(server: FaultProxy, store: Store, *answer: object, **more: str) -> str:
    """What a write says when the server answers so; and that it was asked once."""
    server.plan("PUT", *[answering(*answer, **more)] * 9)
    server.faults["HEAD"].extend([answering(*answer, **more)] * 9)
    with pytest.raises(StoreError) as caught:
        store.write("key", b"x")
    assert [line for line in server.seen if line.startswith("PUT")] == ["PUT /bucket/prefix/key"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ((501, "NotImplemented"), r"use a server that offers it"),
        ((403, "RequestTimeTooSkewed"), r"set this machine's clock"),
        ((400, "AuthorizationHeaderMalformed"), r"set AWS_DEFAULT_REGION to the region"),
        ((400, "IllegalLocationConstraintException"), r"set AWS_DEFAULT_REGION to the region"),
        ((403, "QuotaExceeded"), r"the quota .* is used up"),
        ((400, "InvalidRequest", "Unsupported header x-amz-sdk-checksum-algorithm"), r"CALCULATION=when_required"),
        ((400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD"), r"CALCULATION=when_required"),
        ((501, "NotImplemented", "x-amz-trailer implies functionality"), r"CALCULATION=when_required"),
        ((411, "MissingContentLength", "aws-chunked is not known"), r"CALCULATION=when_required"),
        ((407, "ProxyAuthenticationRequired"), r"the proxy asks for a login"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_pass_is_said_at_once_with_what_to_do(server, store, answer, advice):
    """One request, the server's code, and the advice for that code."""
    said = refusal(server, store, *answer)
    assert said.startswith(f"s3://bucket/prefix/key: {answer[1]}: ")
    assert re.search(f"; .*{advice}", said), said


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (307, "TemporaryRedirect")])
@pytest.mark.parametrize("use", ["write", "read", "exists", "list"])
def test_a_redirect_that_names_no_region_is_one_line(server, store, status, code, use):
    """Whatever is asked, the client does not ask itself for ever where the bucket is."""
    away = [answering(status, code, Endpoint="bucket.elsewhere.example")] * 200
    server.plan("PUT", *away)
    server.faults["GET"].extend(away)
    server.faults["HEAD"].extend(away)
    with pytest.raises(StoreError, match=rf"({code}|{status}): .*; the server sends .* elsewhere.*AWS_DEFAULT_REGION"):
        {
            "write": lambda: store.write("key", b"x"),
            "read": lambda: store.read("key"),
            "exists": lambda: store.exists("key"),
            "list": lambda: list(store.list("")),
        }[use]()
    assert len(server.seen) < 5


def test_a_redirect_that_names_the_region_is_followed(server, store):
    """A bucket of another region of Amazon's is found as ever: the request is signed anew."""
    server.plan(
        "PUT", answering(400, "AuthorizationHeaderMalformed", Region="eu-west-1"), answering(403, "AccessDenied")
    )
    with pytest.raises(StoreError, match="AccessDenied"):
        store.write("key", b"x")
    assert server.seen == ["PUT /bucket/prefix/key"] * 2


class Refusing(http.server.BaseHTTPRequestHandler):
    """A proxy that asks for a login."""

    def do_CONNECT(self):
        """Refuse the tunnel."""
        self.server.asked += 1
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def served(handler, certificate: Path | None = None):
    """A server on loopback, over TLS where it has a certificate."""
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.asked = 0
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        running.socket = context.wrap_socket(running.socket, server_side=True)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    return running


def test_a_proxy_that_asks_for_a_login_is_named_with_its_answer(monkeypatch: pytest.MonkeyPatch):
    """The 407 of a tunnel stands in the message, nobody waits for it, and the proxy's password is not repeated."""
    with served(Refusing) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:very-secret@127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")
        with pytest.raises(
            StoreError, match=r"407 Proxy Authentication Required.*; the proxy asks for a login"
        ) as caught:
            S3Store("bucket").write("key", b"x")
        assert proxy.asked <= 3
        assert "very-secret" not in str(caught.value)
        proxy.shutdown()


def test_a_certificate_that_nobody_signed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The message says that the certificate is self-signed, and how to trust it."""
    pair = tmp_path / "pair.pem"
    line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*line.split(), "-keyout", pair, "-out", tmp_path / "cert"], check=True, capture_output=True)
    pair.write_bytes(pair.read_bytes() + (tmp_path / "cert").read_bytes())
    with served(Refusing, pair) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"https://127.0.0.1:{server.server_port}")
        with pytest.raises(StoreError, match=r"SSLError: .*self-signed certificate.*; .*AWS_CA_BUNDLE"):
            S3Store("bucket").write("key", b"x")
        server.shutdown()


def test_why_a_server_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch):
    """A refused connection and an unknown name are told apart."""

    for endpoint, cause in (
        (NOWHERE, "Connection refused"),
        ("http://store.invalid", "not known|resolution|No address"),
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        with pytest.raises(StoreError, match=rf"EndpointConnectionError: .*({cause}).*; check AWS_ENDPOINT_URL_S3"):
            S3Store("bucket", retries=RetryPolicy(0)).read("key")
