"""The scratch folder of a process, which holds its temporary files, and what processes of one user share there.

A killed process cannot delete its folder, so the next process does. Each process locks its folder with flock. The
kernel releases the lock when the process dies, however it dies. So a folder that can be locked belongs to no process.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "like-for-like-"
KEPT_SECONDS = 30 * 86_400.0  # since a shared file was written


@contextmanager
def scratch() -> Iterator[Path]:
    """During the block, every temporary file of this process goes into one folder, which is deleted afterwards."""
    before = tempfile.gettempdir()
    with scratch_folder(Path(before), PREFIX) as folder:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before


@contextmanager
def scratch_folder(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `place`, deleted after the block; those of dead processes with this `prefix` go before."""
    _sweep(place, prefix)
    folder, lock = _made(place, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(place: Path, prefix: str) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock; a folder swept before it was locked is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: no other process can lock the folder either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _sweep(place: Path, prefix: str) -> None:
    """Remove the folders of this user's dead processes in `place`."""
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):  # another user's folder, already deleted, or in use
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
            finally:
                os.close(lock)


def kept_folder(place: Path, name: str) -> Path | None:
    """This user's folder in `place` that outlives processes; None where somebody else made it, or could write there.

    Old files in it are deleted. Its name does not begin with PREFIX, since no process locks it.
    """
    folder = place / f"{name}-{PREFIX}{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        return None
    for file in folder.iterdir():
        with suppress(OSError):  # a folder, or another process was faster
            if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                file.unlink()
    return folder
