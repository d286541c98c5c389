"""The promises of `tasks.runs.companion`: what another process answers, and what becomes of one that does not."""

import math
import os
import time

from tasks.runs.companion import answers
from tests.support.patience import PATIENCE


def test_a_companion_has_variables_of_its_own():
    """They stand in the companion, and this process keeps its own."""
    found = answers(os.getenv, ["COMPANION", "PATH"], {"COMPANION": "1"}, PATIENCE)
    assert found == (["1", os.environ["PATH"]], None)
    assert "COMPANION" not in os.environ


def test_what_was_answered_before_a_failure_is_kept():
    """The answers end at the one that failed; the fault says how the process ended, and nothing is raised."""
    assert answers(math.sqrt, [4, -1, 9], {}, PATIENCE) == ([2.0], "its process ended with 1")


def test_a_companion_that_is_silent_for_too_long_is_ended():
    """Nobody waits for it for ever, and the fault says how long was waited."""
    assert answers(time.sleep, [100 * PATIENCE], {}, 0.4) == ([], "its process gave no answer for 0 s")
