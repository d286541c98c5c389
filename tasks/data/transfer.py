"""One file over HTTP: bounded in size and in time, and only from servers inside a perimeter.

Every hop is judged, those of redirects too, by the addresses that its name has and by the one that answered: a name
that was public a moment ago helps nobody (DNS rebinding). A proxy of the environment is the owner's own; behind it
names are the proxy's to judge, and only addresses in figures are judged here.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from tasks.errors import DataError
from tasks.settings.addresses import server_of
from tasks.settings.perimeter import Perimeter

TIMEOUT = (10, 60)  # seconds to connect, and between two reads
MAX_HEADERS_SECONDS = 120
MAX_SECONDS = 2 * 60 * 60
MAX_REDIRECTS = 5
MIB = 2**20
MAX_DOWNLOAD = 1024 * MIB
FAULTS = (requests.RequestException, HTTPError)


def receive(address: str, target: Path, perimeter: Perimeter, progress: Callable[[str], None]) -> None:
    """Write what `address` serves to `target`, as it came: nothing is decompressed.

    Raises:
        DataError: too much, too slowly, or from where no download may go.
        FAULTS: the transfer failed; another attempt may not.
    """
    with _session(perimeter) as session, session.get(address, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        meter = Meter(address, answer.raw.length_remaining or 0, progress)
        with target.open("wb") as file:
            # What one read gives, however little: a full buffer may be hours away.
            while chunk := answer.raw.read1(MIB, decode_content=False):
                meter.count(len(chunk))
                file.write(chunk)


class Meter:
    """Progress of one download: a line each tenth of the way, and the bounds on size and time."""

    def __init__(self, address: str, total: int, progress: Callable[[str], None]):
        self._address, self._total, self._progress = address, total, progress
        self._received = self._shown = 0
        self._end = time.monotonic() + MAX_SECONDS

    def count(self, size: int) -> None:
        """Count `size` more bytes."""
        self._received += size
        if self._received > MAX_DOWNLOAD:
            raise DataError(
                f"{self._address}: expected at most {MAX_DOWNLOAD // MIB} MiB, received more; check the address"
            )
        if time.monotonic() > self._end:
            raise DataError(f"{self._address}: expected the file within {MAX_SECONDS} s, received a part; use a mirror")
        share = 10 * self._received // self._total if self._total else 0
        if share > self._shown:
            self._shown = share
            self._progress(f"{PurePosixPath(self._address).name}: {10 * share} % of {self._total / MIB:.0f} MiB")


def _session(perimeter: Perimeter) -> requests.Session:
    """A session that knows http and https, and no way out of the perimeter."""
    session = requests.Session()
    session.adapters.clear()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(perimeter))
    session.max_redirects = MAX_REDIRECTS
    session.headers["Accept-Encoding"] = "identity"
    return session


class _Adapter(HTTPAdapter):
    """Hands every request, a redirected one too, to connections that look where they arrive."""

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
        if _in_figures(server[1]):  # a name is judged where it is resolved
            _check(self._perimeter, server, [server[1]])
        return super().send(request, *arguments, **options)


class _Guarded:
    """A connection that is made inside `perimeter` or not at all, and whose headers arrive in time or not at all."""

    perimeter: Perimeter
    scheme: str

    def _new_conn(self: Any) -> socket.socket:
        server = (self.scheme, self.host, self.port)
        # Before anybody is spoken to, so that no open port of a private network shows itself ...
        _check(self.perimeter, server, _addresses(self.host, self.port))
        connection = super()._new_conn()  # type: ignore[misc]
        try:
            # ... and after, since a second look-up may have had another answer.
            _check(self.perimeter, server, [connection.getpeername()[0]])
        except BaseException:
            connection.close()
            raise
        return connection

    def getresponse(self: Any) -> Any:
        with _cut_off(self.sock, MAX_HEADERS_SECONDS):
            return super().getresponse()  # type: ignore[misc]


def _check(perimeter: Perimeter, server: tuple[str, str, int | None], addresses: Iterable[str]) -> None:
    found = sorted(addresses)
    if not perimeter.admits(server, found):
        raise DataError(
            f"{server[0]}://{server[1]}: expected a public address, received {', '.join(found)}; "
            "a server of your own goes into `allowed_addresses` of config/workflow.toml"
        )


def _in_figures(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _addresses(host: str, port: int) -> set[str]:
    """What a name stands for; nothing when nobody knows, which the connection itself will say better."""
    with contextlib.suppress(OSError, UnicodeError):
        return {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    return set()


@contextlib.contextmanager
def _cut_off(connection: socket.socket, seconds: float) -> Iterator[None]:
    """End `connection` when the block takes longer; a byte a minute would satisfy the time-out of a read."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"expected the headers of an answer within {seconds} s")
