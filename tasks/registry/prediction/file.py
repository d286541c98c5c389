"""One file that was asked about, and how it is read: whole, but never more than an image can take."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, NamedTuple, NoReturn

from tasks.errors import DiscreetError, redacted
from tasks.storage.contract import MIB

MAX_BYTES = 512 * MIB  # of one image file: a TIFF of the most pixels that an image may have takes as much
NO_FILES = "expected files, found none"


class UnreadableError(DiscreetError, ValueError):
    """A file that cannot be read, with a short reason."""


class Asked(NamedTuple):
    """One file that was asked about: its name, for people, and what reads it.

    `read` must be called before the next file is asked for, as the members of an archive do not stay. It raises
    UnreadableError where there is no file, or none that may be read, or one that is too large.
    """

    name: str
    read: Callable[[], bytes]


def on_disk(path: str) -> Asked:
    """A file of this machine."""
    return Asked(path, partial(read, path))


def unreadable(name: str, reason: str) -> Asked:
    """What stands for files that cannot be read."""
    return Asked(name, partial(_refuse, reason))


def _refuse(reason: str) -> NoReturn:
    raise UnreadableError(reason)


def read(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableError: it is no file, or must not be read, or is larger than MAX_BYTES.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_size(size)
        try:
            return file.read(size)  # no more, where it grows
        except OSError as error:
            raise UnreadableError(reason(error)) from None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """During the block, a file of this machine, to be read; nothing waits for the other end of a pipe.

    Raises:
        UnreadableError: it is no file, or must not be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UnreadableError(reason(error)) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise UnreadableError("expected a file, received a folder, a pipe or a device")
    with os.fdopen(number, "rb") as file:
        yield file


def check_size(size: int) -> None:
    """Refuse a file of more bytes than an image can take.

    Raises:
        UnreadableError: it is larger than MAX_BYTES.
    """
    if size > MAX_BYTES:
        raise UnreadableError(f"expected an image file of at most {MAX_BYTES // MIB} MiB, received a larger one")


def reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, in the words of the system, without its name."""
    return getattr(error, "strerror", None) or str(error)


def without_name(error: Exception, name: str) -> str:
    """The same of an error of this project, whose message begins with the name."""
    text, shown = str(error), redacted(name)
    for start in (f"{shown}: ", f"{shown}/: "):  # the address of a whole bucket gets a slash
        text = text.removeprefix(start)
    return text
