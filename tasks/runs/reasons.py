"""Why a stage failed, as people read it on any machine: files are named relative to the mirror or to the store."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.settings.request import Request
from tasks.storage.contract import Store

EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError")


def relative(text: str, request: Request | None, store: Store) -> str:
    """`text` with every object of the store, and every file of the mirror of a run, named relative to these."""
    roots = dict.fromkeys(_spellings(store.uri), "the store")
    roots |= dict.fromkeys(_spellings((request and request.mirror) or ""), "the mirror")
    for root in sorted(roots, key=len, reverse=True):  # one may lie within the other
        text = re.sub(rf"(?<![\w./-]){re.escape(root)}(?:/|(?![\w.-]))", _replacing(roots[root]), text)
    return text


def lack_of_memory(error: BaseException | None) -> str:
    """What `error`, or one that caused it, says of memory that did not suffice; empty where none does.

    The libraries' own errors are known by their names: TensorFlow's and PyTorch's classes, JAX' status.
    """
    while error:
        said = " ".join(str(error).split())
        if isinstance(error, MemoryError) or type(error).__name__ in EXHAUSTED or "RESOURCE_EXHAUSTED" in said:
            return f"out of memory: {said}"[:500]
        error = error.__cause__
    return ""


def _replacing(name: str) -> Callable[[re.Match[str]], str]:
    """The name of a root where it stands by itself, and nothing where a file of it follows."""
    return lambda match: "" if match[0].endswith("/") else name


def _spellings(address: str) -> list[str]:
    """The ways in which messages name a place: a folder as a path and as a file:// address, others as they are."""
    plain = address.rstrip("/")
    path = unquote(urlsplit(plain).path) if plain.startswith("file://") else plain
    spellings = {plain, path, Path(path).as_uri()} if path.startswith("/") else {plain}
    return [spelling for spelling in spellings if spelling]
