"""One node of OpenStack Swift on loopback: its settings, its rings, and the four processes that serve it.

Only the server process imports this module: Swift brings eventlet, which patches the standard library.
Settings: https://docs.openstack.org/swift/latest/config/index.html
"""

import os
import pwd
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from eventlet.greenio import GreenSocket
from swift.common import wsgi
from swift.common.ring import RingBuilder

KINDS = ("object", "container", "account", "proxy")  # the order in which they start
# Imported before the processes part, so that they share the work and the memory.
SERVERS = ("swift.obj.server", "swift.container.server", "swift.account.server", "swift.proxy.server")
SECTION = {"object": "object-server", "container": "container-server", "account": "account-server"}
FILTERS = "catch_errors put_if_absent gatekeeper healthcheck bulk s3api tempauth copy slo"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Node:
    """Where a node keeps its data and settings, its port per kind of server, and its secrets."""

    folder: Path
    ports: dict[str, int]
    account: str
    user: str
    secret: str
    hash_prefix: str
    hash_suffix: str

    @property
    def settings(self) -> Path:
        """The folder of the configuration files and the rings, made anew at each start."""
        return self.folder / "settings"

    def file(self, kind: str) -> Path:
        """The configuration file of one server."""
        return self.settings / f"{kind}-server.conf"
