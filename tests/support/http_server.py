"""Real HTTP servers on loopback, as good or as bad as a test wants them."""

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Respond = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server whose every request is answered by `respond(handler)`; https where there is `tls`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        do_HEAD = do_POST = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *parts):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        if tls:
            running.socket = tls.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{running.server_port}"
        running.shutdown()


def answer(handler, body: bytes = b"", status: int = 200, length: int | None = None, **headers: str) -> None:
    """Send one answer; `length` is what it claims to be long."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def in_turn(*answers: Respond) -> Respond:
    """Answer with each of these once, and with the last one for ever."""
    waiting = list(answers)

    def respond(handler: http.server.BaseHTTPRequestHandler) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)

    return respond


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of what takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
