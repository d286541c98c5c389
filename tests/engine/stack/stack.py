"""A stack of its own beside the one that this machine may have: `make stack`, on stand-ins and tiny data."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import docker

from tasks.project import PROJECT
from tests.engine.base_image import exists
from tests.support.airflow_rest import AirflowRest
from tests.support.postgres import free_port
from tests.support.tiny_data import make_configuration, make_mirror

BASE, NAME, NETWORK = "like-for-like/base:bookworm", "like-for-like-test", "like-for-like-stages"
FILES = ("docker/compose.yaml", "tests/engine/stand_ins/compose.yaml", "tiny.json")
COMPOSE = ["docker-compose", "--project-name", NAME, *(word for file in FILES for word in ("--file", file))]
WITH_AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "celery-worker", "edge-worker")
LEFT_OUT = (".*", "__pycache__", "reports", "secrets")


def lacking() -> str:
    """What this machine needs for it and has not, in one line; empty where it has all."""
    if not shutil.which("docker-compose"):
        return "no docker-compose here; `apt-get install docker-compose` installs it"
    if not exists(BASE):
        return f"image {BASE}: none on the engine; `python -m tests.engine.base_image {BASE}` makes it"
    return "the network of another stack is there; `make stack-down` removes it" if _is_taken() else ""


def _is_taken() -> bool:
    return bool(docker.from_env().networks.list(names=[NETWORK]))


@dataclass(frozen=True)
class Stack:
    """The stack of a `checkout`, its UI on a `port`; `executor` is who runs the tasks."""

    checkout: Path
    executor: str
    port: int

    @cached_property
    def api(self) -> AirflowRest:
        """Its API."""
        word = json.loads((self.checkout / "docker" / "secrets" / "airflow_passwords").read_text())["admin"]
        return AirflowRest(f"http://127.0.0.1:{self.port}", word)

    def container(self, service: str) -> str:
        """The name that the container of a service has for itself."""
        labels = [f"com.docker.compose.project={NAME}", f"com.docker.compose.service={service}"]
        (found,) = docker.from_env().containers.list(filters={"label": labels})
        return found.attrs["Config"]["Hostname"]

    def prepare(self) -> None:
        """Make its secrets, without which docker-compose reads nothing, and stand-ins of the code as it is now."""
        self._run(sys.executable, "docker/make_secrets.py")
        self.compose("build", "--quiet")

    def make(self, *words: str) -> None:
        """`make WORDS` in the checkout, with the images of Airflow and of the stages as they are."""
        compose = f"COMPOSE={' '.join(COMPOSE)}"
        options = [f"EXECUTOR={self.executor}", f"UI_PORT={self.port}", compose]
        self._run("make", "--assume-old", "images", *words, *options)

    def compose(self, *words: str) -> None:
        """`docker-compose WORDS` for it."""
        self._run("env", "COMPOSE_PROFILES=celery,edge", *COMPOSE, *words)

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            ["env", "DOCKER_BUILDKIT=0", *words],
            cwd=self.checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]


@contextmanager
def running(folder: Path, executor: str) -> Iterator[Stack]:
    """The stack, up with tiny datasets and a mirror of them; nothing of it is left afterwards."""
    stack = Stack(folder / "checkout", executor, free_port())
    shutil.copytree(PROJECT, stack.checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
    config, mirror = make_configuration(folder / "config"), make_mirror(folder / "mirror")
    shutil.copy(stack.checkout / "docker" / "compose" / "cpu.toml", config / "site.toml")
    # The runner mounts both folders into the stages' containers, under their own paths.
    service = {
        "environment": {"WORKFLOW_CONFIG": str(config), "DATASET_MIRROR": str(mirror)},
        "volumes": [f"{place}:{place}:ro" for place in (config, mirror)],
    }
    tiny = {"services": dict.fromkeys(WITH_AIRFLOW, service)}
    (stack.checkout / FILES[-1]).write_text(json.dumps(tiny))
    stack.prepare()
    try:
        stack.make("stack")
        yield stack
    finally:
        stack.make("stack-down")
        stack.compose("down", "--volumes")
