"""A proxy between a client and a real HTTP server that breaks what passes: it refuses, cuts, delays, and lies.

Each request takes the next fault of its method's queue, and passes unharmed when there is none.
"""

import http.client
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.patience import PATIENCE

HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


class Answer(NamedTuple):
    """A server's answer, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer, in the hands of a fault."""

    protocol_version = "HTTP/1.1"
    server: "FaultProxy"

    def handle_expect_100(self) -> bool:
        """Leave it to the fault whether the client is asked for its body."""
        return True

    def _exchange(self) -> None:
        self.server.connections.append(self.connection)
        self.server.seen.append(f"{self.command} {self.path}")
        queue = self.server.faults[self.command]
        (queue.popleft() if queue else passing)(self)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _exchange  # noqa: N815 - names that http.server asks for

    def received(self) -> bytes:
        """The request's whole body."""
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def forwarded(self, body: bytes) -> Answer:
        """What the real server answers."""
        connection = self._sent(body)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return found

    def forwarded_in_part(self, body: bytes) -> None:
        """Begin the request at the real server, and vanish."""
        connection = self._sent(body[: len(body) // 2])
        time.sleep(0.1)
        _reset(connection.sock)

    def _sent(self, body: bytes) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(*self.server.target, timeout=PATIENCE)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(body or None)
        return connection

    def reply(self, answer: Answer, share: float = 1.0) -> None:
        """Give the client the answer, or the first `share` of its body."""
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: int(share * len(answer.body))])

    def cut(self) -> None:
        """Reset the client's connection."""
        self.wfile.flush()
        self.close_connection = True
        _reset(self.connection)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Fault = Callable[[Exchange], None]


def passing(exchange: Exchange) -> None:
    """No fault."""
    exchange.reply(exchange.forwarded(exchange.received()))


def refused(exchange: Exchange) -> None:
    """The connection is reset before the body is asked for."""
    exchange.cut()


def cut_request(exchange: Exchange) -> None:
    """The server gets half of the body."""
    exchange.forwarded_in_part(exchange.received())
    exchange.cut()


def cut_answer(exchange: Exchange) -> None:
    """The client gets half of the body."""
    exchange.reply(exchange.forwarded(exchange.received()), share=0.5)
    exchange.cut()


def ended_answer(exchange: Exchange) -> None:
    """The client gets half of the body, and then an orderly end of the connection."""
    exchange.reply(exchange.forwarded(exchange.received()), share=0.5)
    exchange.close_connection = True


def lost_answer(exchange: Exchange) -> None:
    """The server does as it is asked, and the client hears nothing of it."""
    exchange.forwarded(exchange.received())
    exchange.cut()


def slow(seconds: float) -> Fault:
    """The answer comes late."""

    def fault(exchange: Exchange) -> None:
        time.sleep(seconds)
        passing(exchange)

    return fault


def answering(status: int, code: str, message: str = "by the proxy", **more: str) -> Fault:
    """The server, which sees nothing, seems to answer with an error of S3; `more` are further elements of it."""
    told = "".join(f"<{name}>{text}</{name}>" for name, text in {"Code": code, "Message": message, **more}.items())
    body = f"<?xml version='1.0'?><Error>{told}</Error>".encode()

    def fault(exchange: Exchange) -> None:
        exchange.received()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        exchange.reply(Answer(status, headers, b"" if exchange.command == "HEAD" else body))

    return fault


def without_conditions(environment: Mapping[str, str]) -> Fault:
    """The server never hears of If-None-Match, as behind a gateway that ignores it. The request is signed anew."""
    credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])

    def fault(exchange: Exchange) -> None:
        body = exchange.received()
        for name in ("If-None-Match", "Authorization"):
            del exchange.headers[name]
        signed = {name: value for name, value in exchange.headers.items() if name.lower().startswith("x-amz-")}
        url = f"http://{exchange.headers['Host']}{exchange.path}"
        request = AWSRequest(exchange.command, url, headers=signed, data=body)
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        for name in ("X-Amz-Date", "X-Amz-Content-SHA256", "Authorization"):
            del exchange.headers[name]
            exchange.headers[name] = request.headers[name]
        exchange.reply(exchange.forwarded(body))

    return fault


class FaultProxy(ThreadingHTTPServer):
    """The proxy on loopback; `target` may change meanwhile, as a server's address does when it is started again."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, target: str, port: int = 0):
        super().__init__(("127.0.0.1", port), Exchange)
        self.connections: list[socket.socket] = []
        self.seen: list[str] = []
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.aim(target)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def aim(self, target: str) -> None:
        """Lead to the server at `target`, http://HOST:PORT."""
        host, _, port = target.removeprefix("http://").partition(":")
        self.target = host, int(port)

    @property
    def address(self) -> str:
        """What the client takes for the server's address."""
        return f"http://127.0.0.1:{self.server_port}"

    def plan(self, method: str, *faults: Fault) -> None:
        """Let the next requests of `method` meet these faults, one each."""
        self.seen.clear()
        self.faults.clear()
        self.faults[method].extend(faults)

    def stop(self) -> None:
        """Refuse connections, and reset those there are."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            _reset(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away, or a target that is not there: its connection ends, as a server's would."""


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """A proxy that ends with the block."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()


def _reset(connection: socket.socket) -> None:
    """Close with RST, as a killed process's machine may: nothing that waits in a buffer arrives."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
    finally:
        connection.close()
