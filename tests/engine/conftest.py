"""Fixtures on a real container engine. Without one these tests are skipped; REQUIRE_ENGINE=1 makes that an error."""

import os
from uuid import uuid4

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

os.environ.setdefault("AIRFLOW_HOME", "/tmp/like-for-like-airflow-home")

IMAGE = "like-for-like/trainer:cpu"
RUN, ANOTHER = f"test-{uuid4().hex}", f"test-{uuid4().hex}"


def missing(reason: str) -> None:
    """Skip, or fail where the engine must be there."""
    if os.environ.get("REQUIRE_ENGINE"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    """The client of the engine, which has the stages' image."""
    try:
        client = docker.from_env()
        client.images.get(IMAGE)
    except ImageNotFound:
        missing(f"image {IMAGE}: none on the engine; `make images` builds it")
    except DockerException as error:
        missing(f"no container engine here: {error}")
    return client


@pytest.fixture
def nothing_left(engine):
    """Whatever a test did, it leaves no container of its runs behind; other runs on this engine are not touched."""
    yield
    for run in (RUN, ANOTHER):
        for container in containers(engine, run=run):
            container.remove(force=True)


def containers(engine: docker.DockerClient, **names: str) -> list:
    """The containers of stages, running or not, those with the given names alone."""
    labels = ["like-for-like.stage", *(f"like-for-like.{name}={value}" for name, value in names.items())]
    # One that goes while the list is made is no container any more, and no error.
    return engine.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
