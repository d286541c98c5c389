"""The embedded object store: an S3 server on loopback, for runs on one machine.

    python -m tasks.local.swift.object_store FOLDER

serves FOLDER until Ctrl-C. Meanwhile FOLDER/connection.json holds the address and the credentials. The store has one
limit: the servers behind the S3 address trust every process of this machine. So use it on a machine of one user only.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.environment import speak_any_text
from tasks.local.patience import Patience, Signs, StalledError, wait_for
from tasks.local.private_file import read_object
from tasks.project import PROJECT
from tasks.storage.contract import StoreError

STOP_SECONDS = 15
COMPLAINT = "object store: "


class ObjectStore:
    """A running embedded store. As a context manager, it stops at the end of the block."""

    def __init__(self, process: subprocess.Popen, connection: dict[str, Any]):
        self._process, self._connection = process, connection
        self.uri: str = connection["uri"]

    @classmethod
    def start(cls, folder: Path) -> "ObjectStore":
        """Serve the data in `folder` until stop(), or until this process ends, however it ends.

        Raises:
            StoreError: it did not start, or its start hangs. The message says why, and how to run without it.
        """
        folder = folder.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "server.log").open("ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "tasks.local.swift.object_store", str(folder), "--parent", str(os.getpid())],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the caller only, which still needs the store to end properly
            )
        connection = _awaited(process, folder)
        if connection is None:
            raise StoreError(_why_not(folder / "server.log", log_start))
        return cls(process, connection)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which a process uses the store through boto3, the secret included."""
        return self._connection["environment"]

    def alive(self) -> bool:
        """Whether all processes of the server still run."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop the server if it runs, and wait until it has ended."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "ObjectStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _awaited(process: subprocess.Popen, folder: Path) -> dict[str, Any] | None:
    """The server's connection.json once it is ready; None when the server ended.

    Raises:
        StoreError: nothing of it moves.
    """

    def look() -> dict[str, Any] | None:
        connection = _connection(folder)
        return connection if connection and connection["pid"] == process.pid else None

    log = folder / "server.log"
    patience = Patience("the object store", Signs.of(process.pid, log), log)
    try:
        wait_for(lambda: process.poll() is not None or look(), patience, pause=0.02)
    except StalledError as error:
        raise StoreError(_complaint(error)) from None
    finally:
        if not (connection := look()):
            process.kill()
            process.wait()
    return connection


def _connection(folder: Path) -> dict[str, Any] | None:
    return read_object(folder / "connection.json", "pid", "uri", "environment")


def _why_not(log: Path, start: int) -> str:
    """Why the server did not start: its last complaint in `log` after the first `start` bytes, from earlier starts."""
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    complaints = [line for line in lines if line.startswith(COMPLAINT)]
    return complaints[-1] if complaints else _complaint(f"it did not start; see {log}")


def _complaint(reason: object) -> str:
    return f"{COMPLAINT}{reason}; to run without it, set STORE=file:///folder"


def main() -> int:
    """Serve in the foreground. Return 0 after a signal, or 1, after one line of explanation, when it cannot go on."""
    speak_any_text()
    parser = argparse.ArgumentParser(
        prog="python -m tasks.local.swift.object_store", description="Serve S3 on loopback."
    )
    parser.add_argument("folder", type=Path, help="the folder that keeps the data and the secrets")
    parser.add_argument("--parent", type=int, help="stop when this process, which started us, is gone")
    options = parser.parse_args()
    from tasks.local.swift.node import serve

    try:
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        serve(options.folder.resolve(), options.parent)
    except (StoreError, OSError) as error:
        print(_complaint(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
