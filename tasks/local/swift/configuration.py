"""The files that one Swift node reads: its secrets, its servers' settings, its rings.

Options: https://docs.openstack.org/swift/latest/config/index.html
"""

import json
import secrets
from pathlib import Path

from tasks.local.private_file import read_object, write_private
from tasks.storage.contract import StoreError

BACK_ENDS = ("account", "container", "object")
DEVICE = "d1"
ACCOUNT, USER = "workflow", "owner"

# The prefix and the suffix decide where an object lies on the disk: without them the data cannot be found again.
SWIFT = """\
[swift-hash]
swift_hash_path_prefix = {hash_prefix}
swift_hash_path_suffix = {hash_suffix}

[storage-policy:0]
name = one
default = yes

[swift-constraints]
max_header_size = 16384
"""
# The machine trains models meanwhile: Swift's own time-outs (half a second to connect) are for idle servers.
COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {settings}
log_level = WARNING
conn_timeout = 10
node_timeout = 60
recoverable_node_timeout = 60
"""
# The object server waits for the container server. Otherwise a listing would miss objects: no updater runs later.
BACK_END = """\
devices = {devices}
mount_check = false
fallocate_reserve = 0
container_update_timeout = 50
disk_chunk_size = 1048576
network_chunk_size = 1048576

[pipeline:main]
pipeline = {name}-server

[app:{name}-server]
use = egg:swift#{name}
"""
# The proxy must not avoid the only node after errors: a full disk once made reads fail that way.
PROXY = """\

[pipeline:main]
pipeline = catch_errors put_if_absent gatekeeper healthcheck bulk s3api tempauth copy slo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_interval = 0
error_suppression_limit = 1000000
client_chunk_size = 1048576
object_chunk_size = 1048576

[filter:put_if_absent]
paste.filter_factory = tasks.local.swift.put_if_absent:filter_factory

[filter:s3api]
use = egg:swift#s3api
location = us-east-1

[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret_key} .admin

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:healthcheck]
use = egg:swift#healthcheck

[filter:bulk]
use = egg:swift#bulk

[filter:copy]
use = egg:swift#copy

[filter:slo]
use = egg:swift#slo
"""


def kept_secrets(folder: Path) -> dict[str, str]:
    """The node's secrets. They are made at the first start, and kept in a file that only its owner can read."""
    path, names = folder / "secrets.json", ("hash_prefix", "hash_suffix", "secret_key")
    if not path.exists() and not (folder / "devices").exists():
        write_private(path, json.dumps({name: secrets.token_hex(20) for name in names}))
    kept = read_object(path, *names)
    if kept is None:
        raise StoreError(
            f"{path}: missing or damaged, and the stored data cannot be read without it; "
            "put it back or use a new folder"
        )
    return kept


def configure(folder: Path, kept: dict[str, str], ports: dict[str, int]) -> Path:
    """Write every file that the servers read, and return their folder."""
    settings, devices = folder / "settings", folder / "devices"
    (devices / DEVICE).mkdir(parents=True, exist_ok=True)
    settings.mkdir(exist_ok=True)
    write_private(settings / "swift.conf", SWIFT.format_map(kept))
    for name in BACK_ENDS:
        text = (COMMON + BACK_END).format(name=name, port=ports[name], settings=settings, devices=devices)
        write_private(settings / f"{name}.conf", text)
        _write_ring(settings / f"{name}.ring.gz", ports[name])
    values = kept | {"port": ports["proxy"], "settings": settings, "account": ACCOUNT, "user": USER}
    write_private(settings / "proxy.conf", (COMMON + PROXY).format_map(values))
    return settings


def _write_ring(path: Path, port: int) -> None:
    """Write a ring of one device. The port may change with each start: the place of an object does not depend on it."""
    from swift.common.ring import RingBuilder

    ring = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    ring.add_dev(address | {"id": 0, "region": 1, "zone": 1, "device": DEVICE, "weight": 1.0, "meta": ""})
    ring.rebalance()
    ring.get_ring().save(str(path))
