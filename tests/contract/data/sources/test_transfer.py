"""A download against servers that mean harm: really connected to, on loopback."""

import gzip
import socket
import threading
from contextlib import contextmanager
from functools import partial

import pytest
import requests

from tasks.data.sources import faults, transfer
from tasks.errors import DataError
from tasks.settings.perimeter import Perimeter
from tasks.storage.contract import MIB
from tests.support.http_server import answer, server

BODY = b"what a private server would have told"


@pytest.fixture
def get(tmp_path):
    """Receive an address; `private` is what the owner named."""

    def receive(address, *private, at_most=MIB):
        transfer.receive(address, tmp_path / "file", Perimeter(private), lambda line: None, at_most)
        return (tmp_path / "file").read_bytes()

    return receive


@pytest.fixture
def private():
    """A server of a private network: its address, and the requests that it heard."""
    heard = []

    def respond(handler):
        heard.append(handler.path)
        answer(handler, BODY)

    with server(respond) as address:
        yield address, heard


def test_a_named_private_server_serves(get, private):
    """The owner's own server is reached."""
    address, heard = private
    assert get(f"{address}/a", address) == BODY
    assert heard == ["/a"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_any_other_private_server_is_not_spoken_to(get, private, host):
    """However its address is spelled, it hears nothing, and the error says what to do."""
    address, heard = private
    port = address.rpartition(":")[2]
    with pytest.raises(DataError, match=r"expected a public address, received .*; a server of your own goes into"):
        get(f"http://{host}:{port}/a", "http://127.0.0.1:1")
    assert heard == []


def test_no_port_of_a_private_network_can_be_felt_for(get):
    """A closed port and an open one are refused in the same words, without a connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        messages = set()
        for port in (listener.getsockname()[1], 9):
            with pytest.raises(DataError) as caught:
                get(f"http://localhost:{port}/a")
            messages.add(str(caught.value))
        assert len(messages) == 1
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("target", ["{private}/metadata", "http://169.254.169.254/latest/meta-data"])
def test_a_redirect_does_not_lead_inside(get, private, target):
    """A server that may be reached cannot send the download to one that may not."""
    address, heard = private
    astray = partial(answer, status=302, Location=target.format(private=address))
    with server(astray) as first, pytest.raises(DataError, match="expected a public address"):
        get(f"{first}/a", first)
    assert heard == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/a", "gopher://x", "/again"])
def test_a_redirect_leads_nowhere_else(get, target):
    """Other schemes are not followed, nor is a circle."""
    faults = (requests.exceptions.InvalidSchema, requests.TooManyRedirects)
    with server(partial(answer, status=302, Location=target)) as first, pytest.raises(faults):
        get(f"{first}/a", first)


def test_a_name_that_changes_its_mind_is_seen(get, private, monkeypatch):
    """DNS rebinding: public when asked, loopback when connected to. What counts is who answers."""
    address, heard = private
    port = int(address.rpartition(":")[2])
    answers = iter(["93.184.215.14", "127.0.0.1"])

    def resolve(host, *arguments, **options):
        assert host == "rebinding.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(DataError, match=r"rebinding.example: expected a public address, received 127.0.0.1"):
        get(f"http://rebinding.example:{port}/a")
    assert heard == []
    assert list(answers) == []


def test_behind_a_proxy_addresses_in_figures_are_still_judged(get, private, monkeypatch):
    """The owner's proxy carries downloads, but not to the address of a private server."""
    address, heard = private
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("no_proxy", "")
    assert get("http://example.org/a") == BODY
    with pytest.raises(DataError, match="expected a public address"):
        get("http://169.254.169.254/a")
    assert heard == ["http://example.org/a"]


def test_a_body_is_counted_as_it_came_and_cut_off(get):
    """No content coding unpacks a bomb, and no length that a server claims is believed."""
    bomb = gzip.compress(bytes(10**6))
    with server(partial(answer, body=bomb, Content_Encoding="gzip")) as address:
        assert get(f"{address}/a", address) == bomb
        with pytest.raises(DataError, match="expected at most"):
            get(f"{address}/a", address, at_most=500)


def test_a_body_cut_short_is_a_fault(get):
    """Fewer bytes than announced are no file."""
    with server(partial(answer, body=BODY, length=len(BODY) + 1)) as address, pytest.raises(faults.FAULTS):
        get(f"{address}/a", address)


@contextmanager
def dripping(start):
    """A server that sends `start`, and then one byte after the other for ever."""
    ended = threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(start)
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()


def test_headers_that_drip_for_ever_are_cut_off(get, monkeypatch):
    """A byte now and then satisfies every time-out of a read, but not the time for all headers."""
    monkeypatch.setattr(transfer, "MAX_HEADERS_SECONDS", 0.3)
    with dripping(b"HTTP/1.1 200 OK\r\nA: ") as address, pytest.raises(faults.FAULTS):
        get(f"{address}/a", address)


def test_a_body_that_drips_for_ever_is_cut_off(get, monkeypatch):
    """Nor the time for all of a file."""
    monkeypatch.setattr(transfer, "MAX_SECONDS", 0.3)
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"
    with dripping(start) as address, pytest.raises(DataError, match=r"expected the file within 0.3 s"):
        get(f"{address}/a", address)
