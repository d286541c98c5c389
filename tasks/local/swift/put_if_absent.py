"""A WSGI filter for Swift's proxy: writers of one object take turns, so that `If-None-Match: *` has one winner.

Stock Swift looks whether the object is there before it takes the body in, and several writers at once can all find
nothing. The locks are those of one process: the proxy must run without further workers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from eventlet.semaphore import Semaphore

Application = Callable[[dict[str, Any], Callable], Iterable[bytes]]


class PutIfAbsent:
    """Pass reads, and the parts of multipart uploads, through; let one other write an object in at a time."""

    def __init__(self, application: Application):
        self._application = application
        self._locks: defaultdict[str, Semaphore] = defaultdict(Semaphore)
        self._users: defaultdict[str, int] = defaultdict(int)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Answer one request; a write's answer is whole before the next writer's turn."""
        is_part = "partNumber=" in environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] not in ("PUT", "POST", "DELETE") or is_part:
            return self._application(environ, start_response)
        with self._turn(environ["PATH_INFO"]):
            return _whole(self._application(environ, start_response))

    @contextmanager
    def _turn(self, path: str) -> Iterator[None]:
        """Green threads switch only where they wait, so the counting needs no lock of its own."""
        self._users[path] += 1
        try:
            with self._locks[path]:
                yield
        finally:
            self._users[path] -= 1
            if not self._users[path]:
                del self._users[path], self._locks[path]


def _whole(body: Iterable[bytes]) -> list[bytes]:
    """All of a write's answer, which is a few lines; the end of a multipart upload does its work while it is read."""
    try:
        return [*body]
    finally:
        getattr(body, "close", lambda: None)()


def filter_factory(_settings: dict[str, str], **_local: str) -> Callable[[Application], PutIfAbsent]:
    """What PasteDeploy calls: https://docs.pylonsproject.org/projects/pastedeploy/."""
    return PutIfAbsent
