"""A filter before Swift's S3 interface: of several writers with `If-None-Match: *`, exactly one wins.

Swift looks for the object when a PUT begins and stores it when the body has come, so two conditional writers at once
could both be told that they were first. Here they take turns, per path. That holds because one process serves all of
them (`workers = 0`); a writer without the condition is not held back.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from eventlet.semaphore import Semaphore

Application = Callable[[dict, Callable], "list[bytes]"]


class PutIfAbsent:
    """WSGI middleware; POST too, as a multipart upload ends with one."""

    def __init__(self, application: Application):
        self._application = application
        self._turns: dict[str, Semaphore] = {}
        self._users: dict[str, int] = {}

    def __call__(self, request: dict, start_response: Callable) -> "list[bytes]":
        """Pass the request on; a conditional write waits for its path, and its whole answer is made in its turn."""
        if request["REQUEST_METHOD"] not in ("PUT", "POST") or "HTTP_IF_NONE_MATCH" not in request:
            return self._application(request, start_response)
        with self._turn(request["PATH_INFO"]):
            answer = self._application(request, start_response)
            if not hasattr(answer, "close"):
                return list(answer)
            with closing(answer):
                return list(answer)

    @contextmanager
    def _turn(self, path: str) -> Iterator[None]:
        """Green threads switch only where they wait, so the counting needs no lock of its own."""
        turn = self._turns.setdefault(path, Semaphore())
        self._users[path] = self._users.get(path, 0) + 1
        try:
            with turn:
                yield
        finally:
            self._users[path] -= 1
            if not self._users[path]:
                del self._users[path], self._turns[path]


def filter_factory(_global_configuration: dict, **_settings: str) -> Callable[[Application], PutIfAbsent]:
    """What Paste Deploy calls for `paste.filter_factory = tasks.local.put_if_absent:filter_factory`."""
    return PutIfAbsent
