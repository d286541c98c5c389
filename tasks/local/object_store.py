"""The embedded object store: an S3 server on loopback, for a run that needs no other.

    python -m tasks.local.object_store FOLDER

serves FOLDER until Ctrl-C; FOLDER/connection.json then holds the address and the credentials. It has one limit to
know: the servers behind the S3 address trust every process of this machine, so it is for machines of one user.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tasks.source import PROJECT
from tasks.store import StoreError

START_SECONDS = 90
STOP_SECONDS = 15
COMPLAINT = "object store: "


class ObjectStore:
    """A running embedded store; as a context manager it stops at the end of the block."""

    def __init__(self, folder: Path, connection: dict[str, Any], process: subprocess.Popen | None = None):
        self._folder, self._connection, self._process = folder, connection, process
        self.uri: str = connection["uri"]

    @classmethod
    def start(cls, folder: Path, *, detached: bool = False) -> "ObjectStore":
        """Serve the data in `folder`, until stop() or, unless `detached`, the end of this process.

        Raises:
            StoreError: it did not start; why, and how to go without it.
        """
        folder = folder.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tasks.local.object_store", str(folder)]
        command += [] if detached else ["--parent", str(os.getpid())]
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return cls(folder, _awaited(process, folder), process)

    @classmethod
    def running(cls, folder: Path) -> "ObjectStore | None":
        """The store that some process started on `folder`, or None."""
        folder = folder.resolve()
        connection = _connection(folder)
        return cls(folder, connection) if connection and _is_locked(folder) else None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use the store through boto3; it holds the secret."""
        here = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"]
        direct = ",".join(part for part in here if part)
        return self._connection["environment"] | {"no_proxy": direct, "NO_PROXY": direct}

    def alive(self) -> bool:
        """Whether the server still runs."""
        return _is_locked(self._folder)

    def stop(self) -> None:
        """Stop the server, if it runs, and wait for its end."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if _is_locked(self._folder):
                os.kill(self._connection["pid"], number)
            deadline = time.monotonic() + STOP_SECONDS
            while _is_locked(self._folder) and time.monotonic() < deadline:
                time.sleep(0.05)
        if self._process:
            self._process.wait()

    def __enter__(self) -> "ObjectStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _awaited(process: subprocess.Popen, folder: Path) -> dict[str, Any]:
    """What the server says of itself once it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = _connection(folder)
        if connection and connection["pid"] == process.pid:
            return connection
        time.sleep(0.02)
    process.terminate()
    process.wait()
    log = folder / "server.log"
    complaints = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(COMPLAINT)]
    raise StoreError(complaints[-1] if complaints else _complaint(f"it did not start; see {log}"))


def _complaint(reason: object) -> str:
    return f"{COMPLAINT}{reason}; to go without it, set STORE=file:///folder"


def _connection(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "connection.json").read_text())
    except FileNotFoundError:
        return None


def _is_locked(folder: Path) -> bool:
    """Whether a server, or a part of one, holds the folder."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def main() -> int:
    """Serve in the foreground; 0 after a signal, 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m tasks.local.object_store", description="Serve S3 on loopback.")
    parser.add_argument("folder", type=Path, help="where the data and the secrets are kept")
    parser.add_argument("--parent", type=int, help="stop when this process, which started us, is gone")
    options = parser.parse_args()
    from tasks.local.swift_node import serve

    try:
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        serve(options.folder.resolve(), options.parent)
    except (StoreError, OSError) as error:
        print(_complaint(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
