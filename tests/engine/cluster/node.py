"""A node for a control plane: the scheduler, and Kubernetes' kubelet with the container engine of this machine.

It needs root. The kubelet of 2021 speaks to Docker itself, and needs cgroups of version 1. Pods have the network that
the engine gives to containers, or this machine's own. What the kubelet changes of the kernel is put back at the end.
"""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from tests.engine.cluster.control_plane import CACHE, ControlPlane, options, program, ready, running
from tests.support.postgres import free_port

NAME = "127.0.0.1"  # where the API server finds it; the kubelet refuses this as an address, and takes it as a name
PAUSE = "like-for-like/pause:1"
# The kubelet sets these for a machine that is a node for good.
TUNABLES = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
CGROUPS = Path("/sys/fs/cgroup")


def lacking() -> str:
    """What this machine lacks for a node; empty where it has all."""
    if os.geteuid() != 0:
        return "expected root, for a kubelet"
    if not Path(program("kubelet")).exists():
        return f"no kubelet here; `tests/engine/cluster/build {CACHE}` builds it"
    try:
        version = docker.from_env().info()["CgroupVersion"]
    except DockerException as error:
        return f"no container engine here: {error}"
    return "" if version == "1" else f"expected cgroups of version 1 for a kubelet of 2021, received version {version}"


@contextmanager
def node(plane: ControlPlane) -> Iterator[None]:
    """The scheduler and the kubelet during the block; what it ran is gone afterwards."""
    _make_pause()
    before = {name: Path("/proc/sys", name).read_text() for name in TUNABLES}
    try:
        with (
            running(plane.folder, "scheduler", _scheduler(plane)),
            running(plane.folder, "kubelet", _kubelet(plane)) as kubelet,
        ):
            ready(kubelet, lambda: any(_is_ready(each) for each in plane.core.list_node().items))
            yield
    finally:
        _clean(plane.folder)
        for name, value in before.items():
            Path("/proc/sys", name).write_text(value)


def _clean(folder: Path) -> None:
    """Remove what a kubelet leaves that is no more: containers, mounts, control groups."""
    for container in docker.from_env().containers.list(all=True, filters={"label": "io.kubernetes.pod.uid"}):
        container.remove(force=True)
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in reversed([path for path in mounted if path.startswith(f"{folder}/")]):
        subprocess.run(["umount", path], check=True)
    for group in sorted(CGROUPS.glob("*/kubepods/**/"), reverse=True):
        group.rmdir()


def _make_pause() -> None:
    """The image of the container that holds a pod together: Kubernetes' own program, and nothing else."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(program("pause"), "pause")
    repository, _, tag = PAUSE.partition(":")
    changes = ['ENTRYPOINT ["/pause"]']
    docker.from_env().api.import_image_from_data(archive.getvalue(), repository, tag, changes)


def _scheduler(plane: ControlPlane) -> list[str]:
    given = {
        "kubeconfig": plane.folder / "admin.json",
        "leader-elect": "false",
        "port": 0,
        "secure-port": free_port(),
        "bind-address": "127.0.0.1",
    }
    return [program("kube-scheduler"), *options(given)]


def _kubelet(plane: ControlPlane) -> list[str]:
    folder = plane.folder
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": free_port(),
        "healthzPort": 0,
        # It listens on loopback alone, and what is there is the tests' own.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": docker.from_env().info()["CgroupDriver"],
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        # The engine's other images and containers are not its to remove.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {},
        "volumeStatsAggPeriod": "5s",
        "featureGates": {"DevicePlugins": False, "KubeletPodResources": False},
    }
    (folder / "kubelet.json").write_text(json.dumps(configuration))
    given = {
        "config": folder / "kubelet.json",
        "kubeconfig": folder / "admin.json",
        "hostname-override": NAME,
        "root-dir": folder / "kubelet",
        "cert-dir": folder / "kubelet-certificates",
        "volume-plugin-dir": folder / "plugins",
        "experimental-dockershim-root-directory": folder / "dockershim",
        "container-runtime": "docker",
        "pod-infra-container-image": PAUSE,
    }
    return [program("kubelet"), *options(given)]


def _is_ready(found: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in found.status.conditions)
