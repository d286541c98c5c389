"""The scratch folder of a stage process: all that it writes to this machine's disk for a while, in one place.

A killed process cannot clean up after itself, so the next one does: each holds a lock on its folder (flock, which the
kernel drops when a process dies, however it dies), and a folder that can be locked is nobody's.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "like-for-like-"


@contextmanager
def scratch() -> Iterator[Path]:
    """During the block every temporary file of this process lies in one folder, which then vanishes."""
    before = tempfile.gettempdir()
    _sweep(Path(before))
    folder, lock = _made()
    tempfile.tempdir = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made() -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock; again, when a sweep came between the two."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: nobody else can lock it either, so it is safe
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _sweep(place: Path) -> None:
    """Remove the folders of this user's dead processes below `place`."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another's, gone by now, or in use
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
            finally:
                os.close(lock)
