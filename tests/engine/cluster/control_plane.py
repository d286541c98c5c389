"""A real control plane on this machine: etcd, Kubernetes' API server and its controllers, all on loopback.

`tests/engine/cluster/build` makes the servers. With a kubelet (`node.py`) it is a cluster of one node.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.airflow_rest import awaited
from tests.support.lazy import Lazy
from tests.support.postgres import free_port

client = Lazy("kubernetes.client")
config = Lazy("kubernetes.config")
http = Lazy("urllib3.exceptions")

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

    def client(self, token: str = "") -> Any:
        """A client of whoever has the token, by default of the owner."""
        return config.new_client_from_config_dict(self.configuration(token or self.admin))

    @property
    def core(self) -> Any:
        """The owner's way to pods, namespaces and secrets."""
        return client.CoreV1Api(self.client())


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
    found, etcd = ControlPlane(f"https://127.0.0.1:{free_port()}", folder, secrets.token_urlsafe(24)), free_port()
    (folder / "tokens.csv").write_text(f"{found.admin},owner,owner,system:masters\n")
    key = ["openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048"]
    subprocess.run(key, check=True, capture_output=True)
    with (
        running(folder, "etcd", _etcd(folder, etcd, free_port())),
        running(folder, "api-server", _api_server(found, etcd)) as server,
    ):
        ready(server, lambda: _answers(found))
        (folder / "admin.json").write_text(json.dumps(found.configuration(found.admin)))
        with running(folder, "controllers", _controllers(found)):
            yield found


@contextmanager
def running(folder: Path, name: str, line: Sequence[str]) -> Iterator[subprocess.Popen]:
    """A server during the block; what it says is in a log of the folder."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(line, cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ready(server: subprocess.Popen, look: Callable[[], Any]) -> None:
    """Wait until `look` finds something; it never will when the server has ended."""

    def either() -> Any:
        assert server.poll() is None, f"it ended with {server.returncode}; its log says why: {server.args[0]}"
        return look()

    awaited(either)


def options(values: Mapping[str, object]) -> list[str]:
    """A server's command line."""
    return [f"--{name}={value}" for name, value in values.items()]


def program(name: str) -> str:
    """One of those that were built."""
    return str(CACHE / "bin" / name)


def _etcd(folder: Path, port: int, peers: int) -> list[str]:
    own, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    given = {
        "data-dir": folder / "etcd",
        "listen-client-urls": own,
        "advertise-client-urls": own,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    return ["etcd", *options(given)]


def _api_server(plane: ControlPlane, etcd: int) -> list[str]:
    folder = plane.folder
    given = {
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
    return [program("kube-apiserver"), *options(given)]


def _controllers(plane: ControlPlane) -> list[str]:
    given = {
        "kubeconfig": plane.folder / "admin.json",
        "service-account-private-key-file": plane.folder / "accounts.key",
        "root-ca-file": plane.authority,
        "controllers": "*,-nodeipam,-route,-service,-cloud-node-lifecycle",
        "port": 0,
        "secure-port": free_port(),
        "bind-address": "127.0.0.1",
    }
    return [program("kube-controller-manager"), *options(given)]


def _answers(plane: ControlPlane) -> bool:
    try:
        return bool(plane.core.read_namespace("default"))
    except (client.ApiException, http.HTTPError, OSError):  # OSError: no certificate yet
        return False
