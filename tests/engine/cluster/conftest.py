"""Fixtures on a real API server: the control plane, and a namespace with the environment of Airflow's worker."""

import json
import os
from uuid import uuid4

import pytest

from tasks.environment import STORE_CLIENT
from tests.engine.cluster import node as nodes
from tests.engine.cluster.control_plane import control_plane, lacking
from tests.engine.cluster.namespace import namespace
from tests.engine.conftest import missing


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    if reason := lacking():
        missing(reason)
    with control_plane(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def node(engine, plane):
    """The control plane has a node, on an engine with the stages' image."""
    if reason := nodes.lacking():
        missing(reason)
    with nodes.node(plane):
        yield


@pytest.fixture
def place(plane, tmp_path, monkeypatch):
    """A namespace, in which Airflow's worker acts by the account that the chart gives it."""
    found = namespace(plane, f"test-{uuid4().hex[:8]}")
    path = tmp_path / "kubeconfig"
    path.write_text(found.configuration)
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(path)}}
    for name in [name for name in os.environ if name.startswith(STORE_CLIENT)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("STORE", "s3://models/like-for-like")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("RUNNER", "kubernetes")
    return found
