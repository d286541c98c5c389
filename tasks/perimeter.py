"""What a download may reach: public addresses, and what the machine's owner named besides.

A mirror may be named by whoever can start a run, and a server may redirect to wherever it likes. So a private network
and this machine's folders are out of reach, unless the owner wrote them down: in `private` of `config/workflow.toml`,
or as the mirror of the command line and of DATASET_MIRROR.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator

from tasks.errors import RequestError

SCHEMES = ("http", "https", "s3", "file")
MAX_ADDRESS = 1000
# How a network of IPv6 alone writes the addresses of IPv4: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
NAT64 = IPv6Network("64:ff9b::/96")


def checked_address(text: str) -> str:
    """`text` itself: http(s)://, s3:// or file://, or a folder from the root.

    Raises:
        ValueError: it is anything else, or holds a password or a control character.
    """
    if len(text) > MAX_ADDRESS or not unquote(text).isprintable():
        raise ValueError(f"expected an address of at most {MAX_ADDRESS} printable characters")
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES and not _is_folder(parts):
        raise ValueError("expected https://, http://, s3:// or a folder from the root")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no user name and no password in an address; keep them in ~/.netrc")
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
        ValueError: its port is none.
    """
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@dataclass(frozen=True)
class Perimeter:
    """Where downloads may go. `private` holds folders, each with all below it, and servers: scheme, host and port."""

    private: tuple[str, ...] = ()

    def check(self, address: str) -> None:
        """Refuse a folder that the owner did not name; a server is judged when it is connected to.

        Raises:
            RequestError: the address is outside.
        """
        folder = folder_of(address)
        roots = filter(None, map(folder_of, self.private))
        if folder and not any(folder.is_relative_to(root) for root in roots):
            raise RequestError(
                f"mirror: expected a public address, or a folder in `private` of config/workflow.toml; "
                f"received {address!r:.200}"
            )

    def admits(self, server: tuple[str, str, int | None], addresses: Iterable[str]) -> bool:
        """Whether `server` (scheme, host, port) may be spoken to when it is found at these IP addresses."""
        return server in map(server_of, self.private) or all(map(is_public, addresses))


def is_public(ip: str) -> bool:
    """Whether an IP address belongs to the public internet, also where it is an IPv4 one in IPv6 clothes."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or _translated(address) or address
    return address.is_global and not address.is_multicast


def _translated(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def _is_folder(parts: SplitResult) -> bool:
    return parts.scheme in ("", "file") and parts.path.startswith("/")
