"""The store: bytes under keys, in an S3 bucket or in a plain folder, with one meaning for both.

A write is atomic and, once it returned, lasting: a reader sees the old bytes or the new ones, never a mixture.
`write(..., if_absent=True)` has exactly one winner among any number of writers at once.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

MIB = 1024 * 1024
MAX_KEY = 900  # S3 and Swift stop at 1,024 bytes; the store's own prefix needs room too
MAX_SEGMENT = 255  # what file systems take
ANY_SIZE = sys.maxsize


class ObjectMissing(KeyError):  # noqa: N818 - a plain fact that callers expect, not a fault
    """The key that was to be read is not there."""

    __str__ = Exception.__str__  # a KeyError would show its message in quotes


class StoreError(RuntimeError):
    """The store refused or could not be reached: one line, which store, what happened, what to do."""


class TooLarge(StoreError):  # noqa: N818 - as above
    """More bytes came than were asked for at the most."""


class Bound:
    """Counts the bytes of one transfer, which may come from several threads.

    Raises:
        TooLarge: there are more than `limit`.
    """

    def __init__(self, limit: int):
        self._left, self._lock = limit, threading.Lock()

    def __call__(self, size: int) -> None:
        """Count `size` more bytes; fewer, where some are sent again."""
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise TooLarge


@dataclass(frozen=True)
class Entry:
    """One object in a listing: its size in bytes, and when the store took it in, by the store's own clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Unfinished(Entry):
    """A write that has not ended, or never will; `key` may be a temporary name, and `discard` takes it away."""

    discard: Callable[[], None]


class Store(Protocol):
    """Bytes under keys; a key is a relative POSIX name of [A-Za-z0-9._/-], without empty, '.' or '..' segments.

    Every method raises ValueError for any other key, and StoreError when the store refuses or cannot be reached.
    """

    uri: str

    def read(self, key: str) -> bytes:
        """The bytes under `key`; ObjectMissing when there are none."""

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """Put `data` under `key`; False when it was to be absent and is not. The suffix decides the content type."""

    def upload(self, key: str, path: Path) -> None:
        """Put the file at `path` under `key`, streamed and atomic."""

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """Bring `key` to `path`, streamed; `path` gets the whole file or stays as it is. ObjectMissing as in read.

        TooLarge, as soon as they come, when there are more than `at_most` bytes.
        """

    def exists(self, key: str) -> bool:
        """Whether there are bytes under `key`."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix` (text, not a folder), sorted."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """What `list` gives, with sizes and ages."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes whose end is not there: at work now, or left by a killed writer."""

    def delete(self, key: str) -> None:
        """Take `key` away; an absent one is fine."""


def is_key(key: str) -> bool:
    """Whether `key` is one, as Store defines it."""
    segments = key.split("/")
    fits = len(key) <= MAX_KEY and all(len(segment) <= MAX_SEGMENT for segment in segments)
    return fits and not {"", ".", ".."} & {*segments} and re.fullmatch(r"[A-Za-z0-9._/-]+", key) is not None


def checked_key(key: str) -> str:
    """`key` itself.

    Raises:
        ValueError: it is not a key, as Store defines it.
    """
    if not is_key(key):
        raise ValueError(
            f"key: expected a relative name of [A-Za-z0-9._/-] without empty, '.' or '..' segments, "
            f"at most {MAX_KEY} characters and {MAX_SEGMENT} a segment; received {key!r:.200}"
        )
    return key


def checked_prefix(prefix: str) -> str:
    """`prefix` itself: a key, or what some letter makes a key of.

    Raises:
        ValueError: no key starts like this.
    """
    return prefix if is_key(f"{prefix}x") else checked_key(prefix)
