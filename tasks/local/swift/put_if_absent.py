"""A WSGI filter for Swift's proxy: writers of one object take turns, so that `If-None-Match: *` has one winner.

Swift itself checks whether the object exists before it receives the body. So several writers at once may all find
nothing. The locks here belong to one process, so the proxy must run without further workers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from eventlet.semaphore import Semaphore

Application = Callable[[dict[str, Any], Callable], Iterable[bytes]]


class PutIfAbsent:
    """Pass on reads and the parts of multipart uploads at once. Of other writes, pass on one at a time per object."""

    def __init__(self, application: Application):
        self._application = application
        self._locks: defaultdict[str, Semaphore] = defaultdict(Semaphore)
        self._users: defaultdict[str, int] = defaultdict(int)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Answer one request. The answer to a write is complete before the next writer's turn."""
        is_part = "partNumber=" in environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] not in ("PUT", "POST", "DELETE") or is_part:
            return self._application(environ, start_response)
        with self._turn(environ["PATH_INFO"]):
            return _whole(self._application(environ, start_response))

    @contextmanager
    def _turn(self, path: str) -> Iterator[None]:
        """Wait for the turn to write `path`. The counts need no lock: green threads switch only where they wait."""
        self._users[path] += 1
        try:
            with self._locks[path]:
                yield
        finally:
            self._users[path] -= 1
            if not self._users[path]:
                del self._users[path], self._locks[path]


def _whole(body: Iterable[bytes]) -> list[bytes]:
    """The complete answer to a write, which is short. Reading it is what completes a multipart upload."""
    try:
        return [*body]
    finally:
        getattr(body, "close", lambda: None)()


def filter_factory(_settings: dict[str, str], **_local: str) -> Callable[[Application], PutIfAbsent]:
    """The entry point for PasteDeploy: https://docs.pylonsproject.org/projects/pastedeploy/."""
    return PutIfAbsent
