"""A line that says how far something is: redrawn in its place on a terminal, elsewhere a new one now and then."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # it imports all that draws a report
    from tasks.report.bundle import Progress

WIDTH = 24  # characters of the bar itself
REDRAWN_SECONDS = 0.2  # on a terminal
SILENCE_SECONDS = 10.0  # elsewhere; nobody waits 15 s without a line
ERASE = "\r\x1b[K"


class ProgressBar:
    """Says on `stream` how far something is, from the beginning to the end of the block; `task` before that is known.

    Nothing is said elsewhere than on a terminal of what takes less than `silence` seconds.
    """

    def __init__(self, stream: TextIO, task: str, silence: float = SILENCE_SECONDS):
        self._stream, self._task = stream, task
        self._line: Callable[[], str] = str
        self._is_terminal = stream.isatty()
        self._pause = REDRAWN_SECONDS if self._is_terminal else silence
        self._began, self._over = time.monotonic(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="progress")

    def __enter__(self) -> "ProgressBar":
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watcher.join()
        if self._is_terminal:
            self._say(ERASE)

    def follow(self, progress: "Callable[[], Progress | None]") -> None:
        """From now on say what `progress` of a transfer returns."""
        self.tell(lambda: drawn(progress()))

    def tell(self, line: Callable[[], str]) -> None:
        """From now on say the words that `line` returns; the task where they are empty."""
        self._line = line

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            line = self._line() or f"{self._task} ({time.monotonic() - self._began:.0f} s)"
            self._say(f"{ERASE}{line}" if self._is_terminal else f"{line}\n")

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def drawn(progress: "Progress | None") -> str:
    """The line: `[######..................]  25 %  4.0 of 16.0 MB, file 3 of 12`; empty where nothing is known."""
    if progress is None:
        return ""
    share = progress.done / progress.size if progress.size else 1.0
    filled = int(WIDTH * share)
    bar = "#" * filled + "." * (WIDTH - filled)
    present = min(progress.file + 1, progress.files)
    bytes_done = f"{progress.done / 1e6:.1f} of {progress.size / 1e6:.1f} MB"
    return f"[{bar}] {share:4.0%}  {bytes_done}, file {present} of {progress.files}"
