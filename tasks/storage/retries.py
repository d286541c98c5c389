"""Retries: an action that fails for a temporary reason is tried again, for a bounded time, at random intervals."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tasks.errors import redacted

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How long a failed action is tried again.

    Attributes:
        seconds: the time for all attempts, counted from the first failure.
        longest_pause: seconds between two attempts, at most.
        silence: seconds that one request waits for a server that does not answer.

    Each pause is drawn between 0 and a bound, and the bound doubles. So many waiters do not come back together.
    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter").
    """

    seconds: float = 120.0  # a restarted server is back within one minute, a restarted machine within two
    longest_pause: float = 8.0
    silence: float = 20.0

    def call(self, action: Callable[[], Result], is_temporary: Callable[[Exception], bool], what: str) -> Result:
        """The result of `action`. A failure that is not temporary, or that of the last attempt, is raised."""
        start, bound = None, 0.25
        while True:
            try:
                return action()
            except Exception as error:
                if not is_temporary(error):
                    raise
                pause, now = random.uniform(0, bound), time.monotonic()  # noqa: S311 - nothing secret depends on it
                if now + pause > (now if start is None else start) + self.seconds:
                    raise
                if start is None:
                    start = now
                    log.warning("%s: %s; trying again for up to %g s", what, _one_line(error), self.seconds)
            time.sleep(pause)
            bound = min(2 * bound, self.longest_pause)


PATIENT = RetryPolicy()


def _one_line(error: Exception) -> str:
    return " ".join(redacted(str(error)).split())[:300]
