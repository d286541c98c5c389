"""Addresses of data: http(s)://, s3://, file://, or a folder of this machine. Addresses of stores: s3:// or file:///."""

import os
import re
import string
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

from tasks.errors import SECRET_NAME

SCHEMES = ("http", "https", "s3", "file")
MAX_ADDRESS = 1000  # characters
A_STORE = "s3://bucket/prefix or file:///folder"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
IN_BUCKETS = string.ascii_lowercase + string.digits + ".-"
# What is safe, or needs handling that S3's clients do; without "?", which ends the path of an address.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html#object-key-guidelines
SIGNS = "!-_.*'()&$@=;:+,"
IN_PREFIXES = string.ascii_letters + string.digits + SIGNS + " "


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


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, as it names itself: no other machine and no proxy reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_folder(parts: SplitResult) -> bool:
    return parts.scheme in ("", "file") and parts.path.startswith("/")


class Bucket(NamedTuple):
    """Where a store lies in S3; `prefix` has no slash at its ends, and is empty where the store is the whole bucket."""

    name: str
    prefix: str


def store_place(address: str) -> Bucket | Path:
    """Where the store at `address` lies: in a bucket, or in a folder.

    Raises:
        ValueError: it is no address of a store; the message names the part and the character.
    """
    if len(address) > MAX_ADDRESS:
        raise ValueError(f"expected at most {MAX_ADDRESS} characters, received {len(address)}")
    scheme, separator, rest = address.partition("://")
    if scheme == "s3" and separator:
        return _bucket(rest)
    if scheme == "file" and separator:
        return _folder(rest)
    if scheme.lower() in ("s3", "s3a", "s3n") and separator:
        raise ValueError(f"expected s3:// in place of {scheme}://")
    if address.startswith("/"):
        raise ValueError("expected file:// before the path of a folder")
    raise ValueError(f"expected {A_STORE}, received {repr(address)[:100] if address else 'nothing'}")


def checked_store(address: str) -> str:
    """`address` itself; raises as `store_place` does."""
    store_place(address)
    return address


StoreUri = Annotated[str, AfterValidator(checked_store)]


def _folder(path: str) -> Path:
    if not path.startswith("/"):
        raise ValueError("expected three slashes after file:, as in file:///folder")
    path = unquote(path)
    if foreign := next((character for character in path if not character.isprintable()), None):
        raise ValueError(f"expected printable characters, received {foreign!r}")
    return Path(path)


def _bucket(rest: str) -> Bucket:
    name, _, prefix = rest.partition("/")
    if "@" in name:
        raise ValueError(
            "expected a bucket after s3://, received a login; keep it in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if fault := _fault_of_bucket(name):
        raise ValueError(f"bucket {name!r:.100}: expected {fault}")
    prefix = prefix.rstrip("/")
    if fault := _fault_of_prefix(prefix):
        raise ValueError(f"prefix {prefix!r:.100}: expected {fault}")
    return Bucket(name, prefix)


def _fault_of_bucket(name: str) -> str | None:
    """What S3's rules expect of a bucket's name, and this one does not have."""
    if foreign := next((character for character in name if character not in IN_BUCKETS), None):
        return f"lower-case letters, digits, '.' and '-', received {foreign!r}"
    if not 3 <= len(name) <= 63:
        return f"3 to 63 characters, received {len(name)}"
    if not (name[0].isalnum() and name[-1].isalnum()):
        return "a letter or a digit at its start and at its end"
    if ".." in name:
        return "no two dots in a row"
    return "a name that is no IP address" if re.fullmatch(r"\d+(\.\d+){3}", name) else None


def _fault_of_prefix(prefix: str) -> str | None:
    """What is expected of a prefix, and this one does not have."""
    if foreign := next((character for character in prefix if character not in f"{IN_PREFIXES}/"), None):
        return f"letters, digits, blanks and any of {SIGNS}, received {foreign!r}"
    names = prefix.split("/") if prefix else []
    if unnamed := [name for name in names if name in ("", ".", "..")]:
        return f"a name between its slashes, received {unnamed[0]!r}"
    if open_ended := [name for name in names if name != name.strip()]:
        return f"no blank at the start or the end of a name, received {open_ended[0]!r:.100}"
    return None
