"""What a download may reach: public addresses, and what the machine's owner allowed besides.

Whoever can start a run may name a mirror, and a server may redirect anywhere. So a private network and this machine's
folders are out of reach, unless the owner allowed them: in `allowed_addresses` of `config/workflow.toml`, or as the
mirror of the command line or of DATASET_MIRROR.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from tasks.errors import RequestError, shown
from tasks.settings.addresses import folder_of, server_of

# How a network of IPv6 alone writes the addresses of IPv4: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Perimeter:
    """Where downloads may go besides public addresses.

    `allowed` holds folders, each with all below it, and servers: scheme, host and port.
    """

    allowed: tuple[str, ...] = ()

    def check(self, address: str) -> None:
        """Refuse a folder that the owner did not allow; a server is judged when it is connected to.

        Raises:
            RequestError: the address is outside.
        """
        folder = folder_of(address)
        roots = filter(None, map(folder_of, self.allowed))
        if folder and not any(folder.is_relative_to(root) for root in roots):
            raise RequestError(
                f"mirror: expected a public address, or a folder in `allowed_addresses` of config/workflow.toml; "
                f"received {shown(address)}"
            )

    def may_quote(self, address: str) -> bool:
        """Whether a message may show the start of what `address` serves: that is public, or the owner named the place.

        Otherwise whoever can start a run could read a server that only the machine of the owner reaches.
        """
        if folder_of(address) or any(f"{address}/".startswith(f"{root.rstrip('/')}/") for root in self.allowed):
            return True
        server = server_of(address)
        return server[0] in ("http", "https") and server not in map(server_of, self.allowed)

    def admits(self, server: tuple[str, str, int | None], addresses: Iterable[str]) -> bool:
        """Whether `server` (scheme, host, port) may be spoken to when it is found at these IP addresses."""
        return server in map(server_of, self.allowed) or all(map(is_public, addresses))


def is_public(ip: str) -> bool:
    """Whether an IP address belongs to the public internet, also for IPv4 addresses embedded in IPv6."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or _translated(address) or address
    return address.is_global and not address.is_multicast


def _translated(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
