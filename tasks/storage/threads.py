"""Work on many small things in several threads, and what a person sees of it meanwhile."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tasks.storage.contract import MIB

THREADS = 8  # most of the time is spent waiting for a disk or a server
AHEAD = 4 * THREADS  # things that wait for a thread, so that a long list is not held twice
BEAT = 3.0  # seconds between two lines
Thing = TypeVar("Thing")
Result = TypeVar("Result")


def spread(work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[tuple[Thing, Result]]:
    """Each of `things` with what `work` makes of it, as soon as it is done; the first error ends all.

    `things` are taken one by one in the caller's thread, only as far ahead as AHEAD.
    """
    waiting: dict[Future[Result], Thing] = {}
    pool = ThreadPoolExecutor(THREADS)
    try:
        for thing in things:
            waiting[pool.submit(work, thing)] = thing
            if len(waiting) >= AHEAD:
                yield from _done(waiting)
        while waiting:
            yield from _done(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _done(waiting: dict[Future[Result], Thing]) -> Iterator[tuple[Thing, Result]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()


class Pulse:
    """One line of progress every BEAT seconds; any thread may count."""

    def __init__(self, progress: Callable[[str], None], what: str, total: int | None = None):
        self._progress, self._what = progress, what
        self._of = f" of {total:,}" if total is not None else ""
        self._lock, self._next = threading.Lock(), time.monotonic() + BEAT
        self.files = self.size = 0

    def count(self, files: int = 0, size: int = 0) -> None:
        """Count `files` more that are done, and `size` more bytes of any."""
        with self._lock:
            self.files, self.size = self.files + files, self.size + size
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + BEAT
                self._progress(f"{self._what}: {self.files:,}{self._of} files, {self.size / MIB:,.0f} MiB")
