"""A real control plane on this machine: etcd, Kubernetes' API server and its controllers, all on loopback.

`tests/engine/cluster/build` makes the servers. With a kubelet (`node.py`) it is a cluster of one node.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.airflow_rest import awaited
from tests.support.postgres import free_port

BUILD = Path(__file__).with_name("build")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "like-for-like", "kubernetes-1.20")
SERVICES = "10.99.0.0/24"
ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class ControlPlane:
    """It answers at `server` over TLS. `folder` holds its certificates, and `admin` is the token of its owner."""

    server: str
    folder: Path
    admin: str

    @property
    def authority(self) -> Path:
        """What clients trust."""
        return self.folder / "certificates" / "apiserver.crt"

    def configuration(self, token: str) -> dict[str, Any]:
        """A kubeconfig for whoever has the token."""
        trusted = base64.b64encode(self.authority.read_bytes()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": self.server, "certificate-authority-data": trusted}}],
            "users": [{"name": "me", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        }

    def kubectl(self, *words: str, document: Mapping[str, Any] | None = None) -> str:
        """What the owner's `kubectl` says; it fails where that does."""
        line = [str(CACHE / "bin" / "kubectl"), "--kubeconfig", str(self.folder / "admin.json"), *words]
        text = None if document is None else json.dumps(document)
        done = subprocess.run(line, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def token_of(self, namespace: str, account: str) -> str:
        """The token that the controllers made for a service account."""

        def look() -> str:
            found = json.loads(self.kubectl("-n", namespace, "get", "secrets", "-o", "json"))["items"]
            name = "kubernetes.io/service-account.name"
            mine = (each for each in found if each["metadata"].get("annotations", {}).get(name) == account)
            return next((base64.b64decode(each["data"]["token"]).decode() for each in mine if "data" in each), "")

        return awaited(look)


def lacking() -> str:
    """What this machine lacks for a control plane; empty where it has all."""
    if not shutil.which("etcd"):
        return "no etcd here; `apt-get install etcd-server` installs it"
    if not (CACHE / "bin" / "kube-apiserver").exists():
        return f"no Kubernetes here; `{BUILD.relative_to(BUILD.parents[3])} {CACHE}` builds it in some 12 minutes"
    return ""


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """The servers during the block."""
    started: list[subprocess.Popen] = []
    found = ControlPlane(f"https://127.0.0.1:{free_port()}", folder, secrets.token_urlsafe(24))
    try:
        started.append(_etcd(folder, etcd := free_port(), free_port()))
        started.append(_api_server(found, etcd))
        (folder / "admin.json").write_text(json.dumps(found.configuration(found.admin)))
        awaited(lambda: _answers(found))
        started.append(_controllers(found))
        yield found
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _start(folder: Path, name: str, line: Sequence[object]) -> subprocess.Popen:
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen([str(word) for word in line], cwd=folder, stdout=log, stderr=log)


def _etcd(folder: Path, port: int, peers: int) -> subprocess.Popen:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    options = {
        "data-dir": folder / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    return _start(folder, "etcd", ["etcd", *_options(options)])


def _api_server(plane: ControlPlane, etcd: int) -> subprocess.Popen:
    folder = plane.folder
    (folder / "tokens.csv").write_text(f"{plane.admin},owner,owner,system:masters\n")
    key = ["openssl", "genrsa", "-out", folder / "accounts.key", "2048"]
    subprocess.run([str(word) for word in key], check=True, capture_output=True)
    options = {
        "etcd-servers": f"http://127.0.0.1:{etcd}",
        "bind-address": "127.0.0.1",
        "secure-port": plane.server.rpartition(":")[2],
        "cert-dir": folder / "certificates",
        "service-account-key-file": folder / "accounts.key",
        "service-account-signing-key-file": folder / "accounts.key",
        "service-account-issuer": ISSUER,
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": SERVICES,
        "enable-admission-plugins": "NodeRestriction,ResourceQuota,LimitRanger,ServiceAccount",
        "allow-privileged": "true",
    }
    return _start(folder, "api-server", [CACHE / "bin" / "kube-apiserver", *_options(options)])


def _controllers(plane: ControlPlane) -> subprocess.Popen:
    options = {
        "kubeconfig": plane.folder / "admin.json",
        "service-account-private-key-file": plane.folder / "accounts.key",
        "root-ca-file": plane.authority,
        "controllers": "*,-nodeipam,-route,-service,-cloud-node-lifecycle",
        "port": 0,
        "secure-port": free_port(),
        "bind-address": "127.0.0.1",
    }
    return _start(plane.folder, "controllers", [CACHE / "bin" / "kube-controller-manager", *_options(options)])


def _options(values: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


def _answers(plane: ControlPlane) -> bool:
    try:
        return bool(plane.kubectl("get", "namespace", "default"))
    except AssertionError:
        return False
