"""The store: bytes under keys, in an S3 bucket or in a plain folder, with one meaning for both.

A write is atomic: a reader sees the old bytes or the new ones, never a mixture. A write that has returned survives a
crash. Among any number of simultaneous calls of `write(..., if_absent=True)`, exactly one wins.
"""

import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tasks.errors import DiscreetError, RequestError

MIB = 1024 * 1024
MAX_KEY = 900  # S3 and Swift allow 1,024 bytes; the store's own prefix needs room too
MAX_SEGMENT = 255  # the limit of common file systems
ANY_SIZE = sys.maxsize
PROBES = "probe/"  # a killed probe may leave an object here; the sweep deletes it


class ObjectMissing(DiscreetError, KeyError):  # noqa: N818 - a plain fact that callers expect, not a fault
    """There is no object under the key."""

    __str__ = Exception.__str__  # a KeyError would show its message in quotes


class StoreError(DiscreetError, RuntimeError):
    """The store refused or could not be reached. The message is one line: which store, what happened, what to do."""


class Refused(StoreError):  # noqa: N818 - as above
    """The store answered that this may not be done to this object. Others may be another matter."""


class TooLarge(StoreError):  # noqa: N818 - as above
    """A transfer brought more bytes than its limit."""


class Bound:
    """Counts the bytes of one transfer; several threads may call it at once.

    Raises:
        TooLarge: there are more than `limit`.
    """

    def __init__(self, limit: int):
        self._left, self._lock = limit, threading.Lock()

    def __call__(self, size: int) -> None:
        """Count `size` more bytes; a negative `size` takes back bytes that are sent again."""
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise TooLarge


@dataclass(frozen=True)
class Entry:
    """One object in a listing: its key, its size in bytes, and its time of writing by the store's own clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Unfinished(Entry):
    """A write that has not ended, or never will. `key` may be a temporary name; `discard` removes the write."""

    discard: Callable[[], None]


class Store(Protocol):
    """Bytes under keys; a key is a relative POSIX name of [A-Za-z0-9._/-], without empty, '.' or '..' segments.

    Every method raises ValueError for any other key, and StoreError when the store refuses or cannot be reached.
    """

    uri: str

    def read(self, key: str) -> bytes:
        """The bytes under `key`; ObjectMissing when there are none."""

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """Put `data` under `key`; return False, and write nothing, when `if_absent` is set and the key exists.

        Without a `content_type`, the suffix of the key decides it.
        """

    def upload(self, key: str, path: Path) -> None:
        """Put the file at `path` under `key`, streamed and atomic."""

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """Download `key` to `path`, streamed; `path` gets the whole file or stays as it is. ObjectMissing as in read.

        Raises TooLarge as soon as more than `at_most` bytes have arrived.
        """

    def exists(self, key: str) -> bool:
        """Whether there are bytes under `key`."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix` (text, not a folder), sorted."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The objects that `list` names, with their sizes and times."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes that have not ended: those under way, and those that a killed writer left."""

    def delete(self, key: str) -> None:
        """Delete `key`; a missing key is no error."""

    def link(self, key: str, seconds: int) -> str:
        """An address at which anybody reads `key` for so many seconds; RequestError where the store has none."""


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
    """`prefix` itself: a key, or text that one more letter makes a key.

    Raises:
        ValueError: no key starts like this.
    """
    return prefix if is_key(f"{prefix}x") else checked_key(prefix)


def require_conditional_writes(store: Store) -> None:
    """Check that the store refuses a second conditional write, and keeps what the first one wrote.

    Without that, the later of two writers overwrites the other's result, and nobody notices. Some S3 servers and
    gateways ignore the header If-None-Match: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Raises:
        RequestError: it does not.
        StoreError: it cannot be reached, or refuses any such write.
    """
    key = f"{PROBES}{uuid.uuid4().hex}"
    answers = [store.write(key, body, if_absent=True) for body in (b"first", b"second")]
    kept = store.read(key)
    take_away(store, key)
    if (answers, kept) != ([True, False], b"first"):
        raise RequestError(
            f"{store.uri}: expected a server that refuses a second write under `If-None-Match: *`, received one that "
            "allows it. Two writers would overwrite each other unnoticed. Use another S3 server, a newer release of "
            "it, a bucket without versions (older releases of Ceph refuse only there), or STORE=file:///folder"
        )


def take_away(store: Store, probe: str) -> None:
    """Delete a probe. Where nothing may be deleted it stays: it is small, and no reader looks there."""
    with suppress(Refused):
        store.delete(probe)
