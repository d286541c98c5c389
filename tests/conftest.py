"""What holds for every test: one thread a library, no clock on an example, no heavy import at collection."""

import os
import signal
import time

import pytest
from hypothesis import settings

from dags.stage_operators import THREADS
from tasks.runs import imports
from tasks.settings import loading

# Read by the numeric libraries when they are imported: as many workers as cores must not fight for the cores.
os.environ.update(dict.fromkeys(THREADS, "1"))

# A shell lets what it starts in the background ignore Ctrl-C, and the commands under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A person's own datasets, in config/site/, are no part of what is tested.
loading.SITE = "nobody's"

# Many tests share a process: what a stage under test can do without, a later test may need.
imports.OPTIONAL = {}

pytest_plugins = ["tests.support.store_fixtures"]

settings.register_profile("untimed", deadline=None)  # a busy machine breaks no promise
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item):
    """Leave out what would begin after the moment TESTS_END (in seconds since 1970): a CI has a time limit.

    On a machine of the usual speed all has begun by then. A report of skipped tests names each that had not.
    """
    end = os.environ.get("TESTS_END")
    if end and time.time() > float(end):
        pytest.skip("TESTS_END had passed before it began")
