"""The way to the store: from the worker's environment, or from the settings and an Airflow connection."""

import json
import logging

import pytest

from tasks.settings.orchestration import Orchestration
from tests.contract.dags.test_stage_operators import run  # noqa: F401 - a fixture
from tests.support.lazy import Lazy

docker = Lazy("dags.runners.docker")
kubernetes = Lazy("dags.runners.kubernetes")
local = Lazy("dags.runners.local")
site = Lazy("dags.site")
stage_command = Lazy("dags.stage_command")
store_access = Lazy("dags.store_access")

WAY = {"AWS_ENDPOINT_URL_S3": "https://s3.example.org", "AWS_REGION": "here-1", "AWS_DEFAULT_REGION": "here-1"}
KUBECONFIG = """
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {}}]
"""
EXTRA = {"endpoint_url": "https://s3.example.org", "region_name": "here-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKEY", "AWS_SECRET_ACCESS_KEY": "the-stores-s3cr3t"}
OTHERS = {
    "AWS_ACCESS_KEY_ID": "OTHER",
    "AWS_SECRET_ACCESS_KEY": "another-s3cr3t",
    "AWS_SESSION_TOKEN": "token",
    "AWS_ENDPOINT_URL": "https://elsewhere.example.org",
}


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker with AWS variables of somebody's other work; returns how to connect it to the store."""
    for name in ("STORE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    monkeypatch.setenv("WORKFLOW_CONFIG", str(tmp_path))

    def connect(settings='store = "s3://bucket/prefix"\nstore_connection = "the_store"', **connection):
        (tmp_path / "site.toml").write_text(f"[orchestration]\n{settings}\n")
        monkeypatch.setenv("AIRFLOW_CONN_THE_STORE", json.dumps({"conn_type": "aws", **connection}))

    return connect


def aws(environment):
    return {name: value for name, value in environment.items() if name.startswith("AWS_")}


def test_a_connection_replaces_every_identity_of_the_worker(worker):
    """Its keys, region and server lead to the store; of the worker's AWS variables only what to trust stays."""
    worker(login="AKEY", password=KEYS["AWS_SECRET_ACCESS_KEY"], extra=EXTRA)
    found = store_access.store_environment()
    assert found["STORE"] == "s3://bucket/prefix"
    assert aws(found) == WAY | KEYS | {"AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}


def test_a_connection_without_keys_keeps_the_workers_own(worker):
    """A machine or a pod with a role is who it is; the connection says where the store is."""
    worker(extra=EXTRA)
    assert aws(store_access.store_environment()).items() >= (WAY | OTHERS).items()


def test_store_in_the_environment_goes_first(worker, monkeypatch):
    """Who says STORE says the AWS variables with it; no connection is asked."""
    worker()
    monkeypatch.setenv("STORE", "s3://another/one")
    monkeypatch.delenv("AIRFLOW_CONN_THE_STORE")
    found = store_access.store_environment()
    assert found["STORE"] == "s3://another/one"
    assert aws(found).items() >= OTHERS.items()


def test_without_settings_the_environment_is_all(worker):
    """A site that says nothing of the store gets the worker's environment as it is."""
    worker(settings="threads = 1")
    assert store_access.store_environment() == site.surroundings()


def test_a_store_without_a_connection_is_reached_as_the_worker_reaches_s3(worker):
    """The settings may name the bucket alone."""
    worker(settings='store = "s3://bucket"')
    assert store_access.store_environment() == site.surroundings() | {"STORE": "s3://bucket"}


def test_a_missing_connection_is_one_line(worker, monkeypatch):
    """Airflow's hook would go on as whoever the worker is; a stage must not write into another account's bucket."""
    worker()
    monkeypatch.delenv("AIRFLOW_CONN_THE_STORE")
    with pytest.raises(stage_command.RunnerError, match="expected an Airflow connection named 'the_store', found none"):
        store_access.store_environment()


def test_a_process_gets_the_store_and_nothing_of_airflow(worker, run, caplog, monkeypatch):  # noqa: F811
    """The stage has the keys; neither its operator's fields nor its log have them; Airflow's secrets stay behind."""
    worker(login="AKEY", password=KEYS["AWS_SECRET_ACCESS_KEY"], extra=EXTRA)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "fernet")
    monkeypatch.setenv("AIRFLOW_VAR_OTHER", "others")
    with caplog.at_level(logging.DEBUG):
        environment = run(stage="fetch", dataset="d")["environment"]
    assert environment.items() >= (WAY | KEYS | {"STORE": "s3://bucket/prefix"}).items()
    assert not [name for name in environment if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))]
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in caplog.text
    assert "another-s3cr3t" not in environment.values()


def test_the_store_is_in_no_field_of_a_task(worker):
    """Nothing that Airflow templates or serializes says where the store is, let alone who may use it."""
    worker(login="AKEY", password=KEYS["AWS_SECRET_ACCESS_KEY"], extra=EXTRA)
    task = local.LocalStage(task_id="stage", stage="fetch", dataset="d")
    task.get_env({})
    assert not [name for name, value in vars(task).items() if "s3cr3t" in str(value) or "s3://" in str(value)]


def test_a_pod_is_told_the_way_alone(worker, tmp_path, monkeypatch):
    """Endpoint and region of the connection stand in the pod; its keys do not: they come from a Secret."""
    worker(login="AKEY", password=KEYS["AWS_SECRET_ACCESS_KEY"], extra=EXTRA)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    cluster = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(tmp_path / "kubeconfig")}}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(cluster))
    options = kubernetes.options("fetch", Orchestration())
    pod = kubernetes.KubernetesStage(task_id="t", stage="fetch", **options).build_pod_request_obj()
    told = {variable.name: variable.value for variable in pod.spec.containers[0].env}
    assert told.items() >= (WAY | {"STORE": "s3://bucket/prefix"}).items()
    assert not {name for name in told if "KEY" in name or "TOKEN" in name}
    assert "s3cr3t" not in str(pod)


def test_a_check_asks_no_connection():
    """Before a run, and outside of any task, the configured store is known by its address."""
    chosen = Orchestration(store="s3://bucket", store_connection="the_store")
    assert store_access.addressed({"A": "b"}, chosen) == {"A": "b", "STORE": "s3://bucket"}
    assert store_access.addressed({"STORE": "s3://mine"}, chosen) == {"STORE": "s3://mine"}
    with pytest.raises(stage_command.RunnerError, match="containers can reach"):
        docker.require_bucket(store_access.addressed({}, Orchestration(store="file:///x")).get("STORE"))


def test_the_configured_interpreter_runs_the_stage(worker, tmp_path, monkeypatch):
    """It searches no folder of the worker's interpreter; STAGE_PYTHON goes before it."""
    (python := tmp_path / "trainer").touch(mode=0o755)
    worker(settings=f'python = "{python}"')
    monkeypatch.delenv("STAGE_PYTHON", raising=False)
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    stage = local.LocalStage(task_id="stage", stage="plan")
    environment = stage.get_env({})
    assert (environment["STAGE_PYTHON"], environment.get("PYTHONPATH")) == (str(python), None)
    monkeypatch.setenv("STAGE_PYTHON", "/another")
    assert stage.get_env({})["STAGE_PYTHON"] == "/another"
    local.check(Orchestration(python=str(python)))
    with pytest.raises(stage_command.RunnerError, match=r"expected the interpreter .*, found none at /nowhere/python"):
        local.check(Orchestration(python="/nowhere/python"))


def test_the_folder_in_airflows_home_is_the_sites(tmp_path, monkeypatch):
    """Without a variable, `like_for_like` beside `airflow.cfg` is where a stranger's settings are found."""
    monkeypatch.delenv("WORKFLOW_CONFIG", raising=False)
    monkeypatch.setattr("dags.site.AIRFLOW_HOME", str(tmp_path))
    assert "WORKFLOW_CONFIG" not in site.surroundings()
    (tmp_path / "like_for_like").mkdir()
    assert site.surroundings()["WORKFLOW_CONFIG"] == str(tmp_path / "like_for_like")
    monkeypatch.setenv("WORKFLOW_CONFIG", "/mine")
    assert site.surroundings()["WORKFLOW_CONFIG"] == "/mine"
