"""What a failed transfer says of its cause, and how long it waits: against real servers on loopback."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.data.sources import downloads
from tasks.data.sources.downloads import DownloadError
from tasks.errors import DataError
from tasks.settings.dataset import Source
from tests.support.http_server import answer, in_turn, server
from tests.support.tiny_data import sha256

BODY = b"what is asked for"
PLAIN = Source(name="a.gz", urls=("http://127.0.0.1:9/a.gz",), sha256=sha256(BODY))


def bring(source, mirror, folder):
    """Bring a source from servers that the owner has allowed."""
    downloads.bring(source, mirror, folder, lambda line: None, (mirror,) if mirror else source.urls)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 2, 2),
        ("soon", 2, 2),
        (timedelta(seconds=50), 2, 50),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 2, 2),
    ],
)
def test_a_server_that_asks_to_wait_is_waited_for(folder, pauses, header, least, most):
    """Retry-After, in seconds or as a date, makes the pause longer, never shorter."""
    if isinstance(header, timedelta):
        header = (datetime.now(UTC) + header).strftime("%a, %d %b %Y %H:%M:%S GMT")
    busy = partial(answer, status=429, Retry_After=header)
    with server(in_turn(busy, partial(answer, body=BODY))) as address:
        bring(PLAIN, address, folder)
    assert len(pauses) == 1
    assert least <= pauses[0] <= most


def test_a_server_that_asks_to_wait_too_long_is_left(folder, pauses):
    """An hour is not waited; the next address is asked at once, and the error says what the server asked for."""
    busy = partial(answer, status=503, Retry_After="3600")
    with server(busy) as first, server(partial(answer, body=BODY)) as second:
        bring(PLAIN.model_copy(update={"urls": (f"{first}/a.gz", f"{second}/a.gz")}), None, folder)
        with pytest.raises(DownloadError, match="HTTP 503, to be asked again after 3600 s"):
            bring(PLAIN, first, folder)
    assert pauses == []


@pytest.fixture
def untrusted(tmp_path):
    """What turns a server's socket into one of TLS, with a certificate that nobody has signed but itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    began = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = made.not_valid_before(began).not_valid_after(began + timedelta(days=9)).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "both.pem").write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


def test_a_certificate_that_nobody_trusts_is_the_cause_that_is_named(folder, untrusted, pauses):
    """The reason and the variable that mends it stand in the error, and nothing is tried again."""
    expected = r"\(self-signed certificate\); name .* in REQUESTS_CA_BUNDLE"
    with server(partial(answer, body=BODY), untrusted) as address, pytest.raises(DataError, match=expected):
        bring(PLAIN, address, folder)
    assert pauses == []


def test_a_missing_file_of_certificates_is_named(folder, monkeypatch):
    """The path that is wrong, and the variable that says it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(DataError, match=r"invalid path: /nowhere/ca.pem; correct REQUESTS_CA_BUNDLE"):
        bring(PLAIN, "https://127.0.0.1:9", folder)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_a_login_is_named(folder, monkeypatch, pauses, scheme):
    """407, of a request or of a tunnel: the error says so and where the login goes, without the one that is there."""
    with server(partial(answer, status=407)) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.replace("//", "//me:hunter2@"))
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(
            DataError, match=r"the proxy asks for a login \(HTTP 407\); put .* into .* HTTPS_PROXY"
        ) as caught:
            bring(PLAIN, f"{scheme}://example.org", folder)
    assert "hunter2" not in str(caught.value)
    assert pauses == []


@pytest.mark.parametrize(
    ("proxy", "kind", "expected"),
    [
        (
            "http://me:hunter2@127.0.0.1:9",
            DownloadError,
            "expected the proxy to connect, .*Connection refused; check HTTP_PROXY",
        ),
        ("socks5://me:hunter2@127.0.0.1:9", DataError, "expected the address of an HTTP proxy in HTTP_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(folder, monkeypatch, proxy, kind, expected):
    """A proxy that is down, or of a kind that cannot be spoken to, is the cause that is named, without its password."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(kind, match=expected) as caught:
        bring(PLAIN, "http://example.org", folder)
    assert "hunter2" not in str(caught.value)
