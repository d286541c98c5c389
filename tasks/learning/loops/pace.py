"""How often a training may do what is no training: take a checkpoint, say how far it is."""

import time
from collections.abc import Callable

SHARE = 0.02  # of the time, at most


class Pace:
    """How often something may be done: by what it cost the last time, its share of the time stays SHARE.

    As a context manager it measures what the thing costs; `spent` is the sum, in seconds.
    """

    def __init__(self, least: float = 0.0) -> None:
        """Args: `least` is how many seconds pass between two times, however little one costs."""
        self._least = least
        self._start = self._end = time.perf_counter()
        self._cost = self.spent = 0.0

    def allows(self) -> bool:
        """Whether enough time has passed; the first time, when no cost is known, only `least` counts."""
        waited = time.perf_counter() - self._end
        return waited >= self._least and self._cost <= SHARE * waited

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._end = time.perf_counter()
        self._cost = self._end - self._start
        self.spent += self._cost


class Pulse:
    """Signs of life from within an epoch: a line now and then, whose cost in seconds, `spent`, is no training."""

    def __init__(self, report: Callable[[str], None], seconds: float):
        self._report, self._pace = report, Pace(seconds)

    @property
    def spent(self) -> float:
        """Seconds spent on saying it, all in all."""
        return self._pace.spent

    def beat(self, epoch: str, share: float, loss: float) -> None:
        """Say how far `epoch` ("2/4") is, if it is time to: `share` of its steps, at a `loss`."""
        if self._pace.allows():
            with self._pace:
                self._report(f"epoch {epoch}, {share:.0%}, loss {loss:.3f}".replace("%", " %"))
