"""One file over HTTP: bounded in size and in time, and only from servers inside a perimeter.

Every request is checked, also a redirected one. The perimeter must admit the addresses that the server's name stands
for, and the address that really answered: a name may change its address in between (DNS rebinding). A proxy of the
environment belongs to the owner. The proxy resolves names itself, so behind it only literal IP addresses are checked.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tasks.errors import DataError
from tasks.settings.addresses import server_of
from tasks.settings.perimeter import Perimeter
from tasks.storage.contract import MIB

TIMEOUT = (10, 60)  # seconds to connect, and between two reads
MAX_HEADERS_SECONDS = 120
MAX_SECONDS = 2 * 60 * 60
MAX_REDIRECTS = 5


class Answer(NamedTuple):
    """What came from an address, or would come: where it led, what the server said of it, and its size in bytes."""

    url: str
    said: str
    size: int | None
    etag: str | None = None
    modified: str | None = None


def receive(address: str, target: Path, perimeter: Perimeter, progress: Callable[[str], None], at_most: int) -> Answer:
    """Write what `address` serves to `target`, `at_most` that many bytes, without decompressing it.

    Raises:
        DataError: the file is too large, it comes too slowly, or its server is outside the perimeter.
        faults.FAULTS: the transfer failed; another attempt may succeed.
    """
    with _session(perimeter) as session, session.get(address, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        meter = Meter(address, answer.raw.length_remaining or 0, progress, at_most)
        with target.open("wb") as file:
            # read1 returns what one read gives, however little; filling a whole buffer may take hours.
            while chunk := answer.raw.read1(MIB, decode_content=False):
                meter.count(len(chunk))
                file.write(chunk)
        return _answer(answer, meter.received)


def ask(address: str, perimeter: Perimeter, seconds: float) -> Answer:
    """What `address` would serve, without its bytes; waits up to `seconds` for each of connection and answer.

    Raises:
        DataError, faults.FAULTS: as `receive`.
    """
    with _session(perimeter) as session:
        answer = session.head(address, timeout=seconds, allow_redirects=True)
    answer.raise_for_status()
    length = answer.headers.get("Content-Length", "")
    return _answer(answer, int(length) if length.isdecimal() else None)


def _answer(answer: requests.Response, size: int | None) -> Answer:
    said = f"HTTP {answer.status_code}, {answer.headers.get('Content-Type', 'without a type')}"
    return Answer(answer.url, said, size, answer.headers.get("ETag"), answer.headers.get("Last-Modified"))


class Meter:
    """The progress of one download, one line each tenth, and its bounds on size and time; `received` is in bytes."""

    def __init__(self, address: str, total: int, progress: Callable[[str], None], at_most: int):
        self._address, self._total, self._progress, self._limit = address, total, progress, at_most
        self.received = self._shown = 0
        self._end = time.monotonic() + MAX_SECONDS

    def count(self, size: int) -> None:
        """Count `size` more bytes."""
        self.received += size
        if self.received > self._limit:
            raise DataError(
                f"{self._address}: expected at most {self._limit // MIB} MiB, received more; check the address"
            )
        if time.monotonic() > self._end:
            raise DataError(f"{self._address}: expected the file within {MAX_SECONDS} s, received a part; use a mirror")
        share = 10 * self.received // self._total if self._total else 0
        if share > self._shown:
            self._shown = share
            self._progress(f"{PurePosixPath(self._address).name}: {10 * share} % of {self._total / MIB:.0f} MiB")


def _session(perimeter: Perimeter) -> requests.Session:
    """A session for http and https that connects only to servers inside the perimeter."""
    session = requests.Session()
    session.adapters.clear()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(perimeter))
    session.max_redirects = MAX_REDIRECTS
    session.headers["Accept-Encoding"] = "identity"
    return session


class _Adapter(HTTPAdapter):
    """Sends every request, also a redirected one, over connections that check which server they reach."""

    def __init__(self, perimeter: Perimeter):
        self._perimeter = perimeter
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        http = type("_Http", (_Guarded, HTTPConnection), {"perimeter": self._perimeter, "scheme": "http"})
        https = type("_Https", (_Guarded, HTTPSConnection), {"perimeter": self._perimeter, "scheme": "https"})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("_HttpPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("_HttpsPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        server = server_of(request.url or "")
        if _is_literal_ip(server[1]):  # a name is checked where it is resolved
            _check(self._perimeter, server, [server[1]])
        return super().send(request, *arguments, **options)


class _Guarded:
    """A connection to a server inside `perimeter`, whose headers arrive in time. Anything else is an error."""

    perimeter: Perimeter
    scheme: str

    def _new_conn(self: Any) -> socket.socket:
        server = (self.scheme, self.host, self.port)
        # Check before connecting, so that a caller cannot learn which ports of a private network are open ...
        _check(self.perimeter, server, _addresses(self.host, self.port))
        connection = super()._new_conn()  # type: ignore[misc]
        try:
            # ... and after connecting, since the connection looked the name up a second time.
            _check(self.perimeter, server, [connection.getpeername()[0]])
        except BaseException:
            connection.close()
            raise
        return connection

    def getresponse(self: Any) -> Any:
        with _closed_after(MAX_HEADERS_SECONDS, self.sock):
            return super().getresponse()  # type: ignore[misc]


def _check(perimeter: Perimeter, server: tuple[str, str, int | None], addresses: Iterable[str]) -> None:
    received = sorted(addresses)
    if not perimeter.admits(server, received):
        raise DataError(
            f"{server[0]}://{server[1]}: expected a public address, received {', '.join(received)}; "
            "a server of your own goes into `allowed_addresses` of config/workflow.toml"
        )


def _is_literal_ip(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _addresses(host: str, port: int) -> set[str]:
    """The addresses of a host name; none when it cannot be resolved, which the connection itself then reports."""
    with contextlib.suppress(OSError, UnicodeError):
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    return set()


@contextlib.contextmanager
def _closed_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut `connection` down when the block takes longer than `seconds`.

    The time-out of a read is not enough: a server that sends one byte a minute never exceeds it.
    """
    late = threading.Event()

    def shut_down() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"expected the headers of an answer within {seconds} s")
