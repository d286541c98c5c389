"""Noise: lines that TensorFlow writes to standard error in every process and that none of its settings silences."""

import os
import re
import signal
import sys

# Lines about how the library was built or may be tuned, and one about a graph that two of its own parts disagree on.
# Some stand before TF_CPP_MIN_LOG_LEVEL is read; a level that hides the last one hides real errors, too.
NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called"
    rb"|[IW]\d{4} \d\d:\d\d:"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "
    rb"|To enable the following instructions: "
    rb"|E\d{4} .* NodeDef mentions attribute use_unbounded_threadpool "
    rb"|E\d{4} .* Unable to register cu\w+ factory"
)


def without_noise() -> None:
    """Let this process's standard error pass through another process, which leaves the lines of NOISE out.

    It is a process because a thread would be lost, with what it holds, when this one aborts. In a container the stage
    keeps its standard error as it is: with the first process, or its child, the container ends, and with it the other
    process before it could finish a line.
    """
    if sys.stderr is None or 1 in (os.getpid(), os.getppid()):
        return
    reader, writer = os.pipe()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(writer)
        _pass_on(reader)
    os.close(reader)
    os.dup2(writer, sys.stderr.fileno())
    os.close(writer)


def _pass_on(reader: int) -> None:
    """Copy lines from `reader` to standard error until all writers have gone; then end this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the stage, and not before
    try:
        with os.fdopen(reader, "rb") as lines, os.fdopen(2, "wb", buffering=0) as out:
            for line in iter(lines.readline, b""):
                if not NOISE.match(line):
                    out.write(line)
    finally:
        os._exit(0)
