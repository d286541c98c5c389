"""An S3 server with all that a company's bucket has: Ceph's radosgw, its cluster in memory, on loopback."""

import base64
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from uuid import uuid4

import boto3
from botocore.config import Config

from tests.engine.certificates import make_certificates
from tests.support.patience import PATIENCE
from tests.support.postgres import free_port

PACKAGES = {
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "ceph": "ceph-common",
    "openssl": "openssl",
}
REGION = "us-east-1"
GATEWAY = "client.gateway"
KMS_KEY = "team-key"
DAY = 10  # seconds that this server takes for a day of a lifecycle rule
# A monitor, and one disk in memory without copies. Everybody proves by a key of `keyring` who they are.
SETTINGS = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = {folder}/keyring
run dir = {folder}
log file = {folder}/$name.log
mon data = {folder}/monitor
mon data avail crit = 1
mon cluster log file = {folder}/cluster.log
mon allow pool size one = true
osd data = {folder}/disk
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0

[{gateway}]
rgw data = {folder}
rgw frontends = beast endpoint=127.0.0.1:{http} ssl_endpoint=127.0.0.1:{https} ssl_certificate={folder}/tls/both.pem
rgw thread pool size = 64
rgw crypt require ssl = true
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = {kms_key}={kms_secret}
rgw lc debug interval = {day}
"""
MAY = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    GATEWAY: {"mon": "allow rw", "osd": "allow rwx"},
}


def lacking() -> str:
    """What this machine lacks for the server; empty where it has all."""
    packages = " ".join(package for program, package in PACKAGES.items() if not shutil.which(program))
    return f"`apt-get install --no-install-recommends {packages}` installs what is missing" if packages else ""


@dataclass(frozen=True)
class User:
    """A user of the server, with a key of their own."""

    name: str
    key: str = field(default_factory=lambda: secrets.token_hex(10))
    secret: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def arn(self) -> str:
        """What a policy calls the user."""
        return f"arn:aws:iam:::user/{self.name}"


@dataclass(frozen=True)
class Ceph:
    """The running server, at two addresses. `authority` is the file of who signed its certificate."""

    folder: Path
    http: str
    https: str

    @property
    def authority(self) -> Path:
        """The certificate of the private authority that the server's own is signed by."""
        return self.folder / "tls" / "ca.pem"

    def user(self, name: str) -> User:
        """A new user, who may do nothing yet in the buckets of others."""
        made = User(name)
        line = ["user", "create", "--uid", name, "--display-name", name]
        keys = ["--access-key", made.key, "--secret-key", made.secret]
        _typed(self.folder, "radosgw-admin", "-n", GATEWAY, *line, *keys)
        return made

    def client(self, user: User) -> Any:
        """boto3's own client for `user`, over TLS."""
        return boto3.client(
            "s3",
            endpoint_url=self.https,
            region_name=REGION,
            aws_access_key_id=user.key,
            aws_secret_access_key=user.secret,
            verify=str(self.authority),
            config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}, proxies={}),
        )

    def environment(self, user: User) -> dict[str, str]:
        """The variables with which this project reaches the server as `user`, over TLS."""
        return {
            "AWS_ENDPOINT_URL_S3": self.https,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_ACCESS_KEY_ID": user.key,
            "AWS_SECRET_ACCESS_KEY": user.secret,
            "AWS_REGION": REGION,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # over TLS this server knows no other
        }


@contextmanager
def ceph(folder: Path) -> Iterator[Ceph]:
    """The server during the block, with all its files in `folder`; it ends with this process, however that ends."""
    fsid, disk = str(uuid4()), str(uuid4())
    monitor, http, https = free_port(), free_port(), free_port()
    ports = {"monitor": monitor, "http": http, "https": https}
    _configure(folder, fsid, ports)
    server = Ceph(folder, f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}")
    with ExitStack() as running:
        monitors = str(folder / "monitors")
        _typed(folder, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}]", monitors)
        _typed(folder, "ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
        running.enter_context(_running(folder, "ceph-mon", "-i", "a"))
        _typed(folder, "ceph", "osd", "new", disk)
        _typed(folder, "ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", disk)
        running.enter_context(_running(folder, "ceph-osd", "-i", "0"))
        _wait_for(server.http, running.enter_context(_running(folder, "radosgw", "-n", GATEWAY)))
        yield server


def _configure(folder: Path, fsid: str, ports: dict[str, int]) -> None:
    """Settings, certificate, keys and the disk's folder."""
    kms_secret = base64.b64encode(secrets.token_bytes(32)).decode()
    names = {"fsid": fsid, "folder": folder, "gateway": GATEWAY, "kms_key": KMS_KEY, "kms_secret": kms_secret}
    (folder / "ceph.conf").write_text(SETTINGS.format(**names, **ports, day=DAY))
    (folder / "disk").mkdir()
    make_certificates(folder / "tls", "localhost", "127.0.0.1")
    _make_keys(folder)


def _make_keys(folder: Path) -> None:
    keyring = str(folder / "keyring")
    for number, (who, allowed) in enumerate(MAY.items()):
        new = [] if number else ["--create-keyring"]
        may = [word for kind, words in allowed.items() for word in ("--cap", kind, words)]
        _typed(folder, "ceph-authtool", keyring, *new, "--gen-key", "-n", who, *may)


def _typed(folder: Path, program: str, *arguments: str) -> None:
    """Run one command of Ceph's to its end."""
    line = [program, "-c", str(folder / "ceph.conf"), *arguments]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr or done.stdout}")


@contextmanager
def _running(folder: Path, program: str, *arguments: str) -> Iterator[subprocess.Popen]:
    """One server of Ceph's during the block; nothing of it is kept, so that it is killed."""
    line = ["setpriv", "--pdeathsig", "KILL", program, "-c", str(folder / "ceph.conf"), "-f", *arguments]
    with (folder / f"{program}.out").open("w") as output:
        process = subprocess.Popen(line, cwd=folder, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, gateway: subprocess.Popen) -> None:
    """Until the gateway answers; its first start makes the pools."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and gateway.poll() is None:
        try:
            urlopen(address, timeout=PATIENCE).close()
            return
        except HTTPError:
            return  # it answers
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{address}: expected an answer of radosgw, received none; its exit code is {gateway.poll()}")
