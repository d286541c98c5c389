"""The stages' commands, as somebody types them: in this process, where a process of their own is not the promise."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from tasks.__main__ import main
from tasks.project import PROJECT
from tests.support.patience import PATIENCE


class Typed(NamedTuple):
    """How a command ended, and all that it said."""

    code: int
    output: str


def in_a_process(environment: Mapping[str, str], *arguments: str) -> Typed:
    """`python -m tasks ARGUMENTS`, as Airflow starts it."""
    line = [sys.executable, "-m", "tasks", *arguments]
    place = {"cwd": PROJECT, "env": dict(os.environ) | dict(environment), "timeout": PATIENCE}
    done = subprocess.run(line, capture_output=True, text=True, check=False, **place)
    return Typed(done.returncode, done.stdout + done.stderr)


def in_this_process(environment: Mapping[str, str], *arguments: str) -> int:
    """The same without a start of Python and TensorFlow: its exit code, the environment as it was before."""
    before = dict(os.environ)  # a stage sets its backend and Keras' home, and takes other variables away
    os.environ.update(environment)
    try:
        return main(list(arguments))
    finally:
        os.environ.clear()
        os.environ.update(before)


def speaking(environment: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> Callable[..., Typed]:
    """A command line in this process that also says what its stages logged; `STORE="..."` changes the environment."""

    def typed(*arguments: str, **changes: str) -> Typed:
        caplog.clear()
        with caplog.at_level("INFO"):
            return Typed(in_this_process({**environment, **changes}, *arguments), caplog.text)

    return typed
