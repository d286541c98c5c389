"""What a person hears of this machine's run: lines, and a sign of life whenever there was none for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

SILENCE_SECONDS = 14.0  # the longest time without a line; nobody waits 15 s without one


class Voice:
    """Says lines on `console`, and during `keeping_alive` what it is busy with where nothing else is said."""

    def __init__(
        self, console: Console, *, silence: float = SILENCE_SECONDS, clock: Callable[[], float] = time.monotonic
    ):
        self.console = console
        self._silence, self._clock = silence, clock
        self._spoke = clock()
        self._task, self._began = "", clock()

    def say(self, line: str, **style: Any) -> None:
        """Print one line as it is."""
        self.console.print(line, **{"markup": False, "highlight": False, "soft_wrap": True} | style)
        self.spoken()

    def spoken(self) -> None:
        """Something else was shown just now."""
        self._spoke = self._clock()

    @contextmanager
    def busy(self, task: str) -> Iterator[None]:
        """During the block a sign of life says `task`: what is being done, or waited for."""
        before = self._task, self._began
        self._task, self._began = task, self._clock()
        try:
            yield
        finally:
            self._task, self._began = before

    def beat(self) -> None:
        """Say that we are still busy, if there was nothing to hear for too long."""
        if self._task and self._clock() - self._spoke >= self._silence:
            self.say(f"{time.strftime('%H:%M:%S')} still {self._task} ({clock_time(self._clock() - self._began)})")

    @contextmanager
    def keeping_alive(self, pause: float = 0.5) -> Iterator[None]:
        """During the block signs of life come by themselves, whatever the caller waits in."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(pause):
                self.beat()

        watcher = threading.Thread(target=watch, daemon=True, name="signs of life")
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def clock_time(seconds: float) -> str:
    """65.2 as "1:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
