"""Addresses of data: http(s)://, s3://, file://, or a folder of this machine."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

from tasks.errors import SECRET_NAME

SCHEMES = ("http", "https", "s3", "file")
MAX_ADDRESS = 1000  # characters


def checked_address(text: str) -> str:
    """`text` itself: http(s)://, s3:// or file://, or a folder from the root.

    Raises:
        ValueError: it is anything else, or holds a password, a token or a control character.
    """
    if len(text) > MAX_ADDRESS or not unquote(text).isprintable():
        raise ValueError(f"expected an address of at most {MAX_ADDRESS} printable characters")
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES and not _is_folder(parts):
        raise ValueError("expected https://, http://, s3:// or a folder from the root")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no user name and no password in an address; keep them in ~/.netrc")
    if any(SECRET_NAME.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(
            "expected no token and no signature in an address, which requests and reports repeat; "
            "download the files once, and name their folder as the mirror"
        )
    if bool(parts.netloc and server_of(text)[1]) == _is_folder(parts):
        raise ValueError("expected a host after http(s):// and s3://, and none after file://")
    return text


Address = Annotated[str, AfterValidator(checked_address)]


def folder_of(address: str) -> Path | None:
    """The folder that an address names, links followed; None for an address of the network."""
    parts = urlsplit(address)
    if not _is_folder(parts):
        return None
    return Path(os.path.realpath(unquote(parts.path) if parts.scheme else address))


def server_of(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address.

    Raises:
        ValueError: its port is not a number.
    """
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _is_folder(parts: SplitResult) -> bool:
    return parts.scheme in ("", "file") and parts.path.startswith("/")
