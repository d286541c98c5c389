"""The smoke profile through the real scheduler, a pod a stage in a real cluster of one node."""

import json
import secrets
import socket
import threading
from collections import Counter

import boto3
import pytest
import yaml

from tasks.project import CONFIG
from tests.engine.cluster.installation import Installation, passwords
from tests.engine.cluster.namespace import namespace
from tests.engine.conftest import missing
from tests.support import postgres
from tests.support.airflow_rest import COMPARISON, AirflowRest, awaited
from tests.support.lazy import Lazy
from tests.support.machine import Machine
from tests.support.results import numbers

watch = Lazy("kubernetes.watch")
NAMESPACE = "like-for-like"
CLUSTER = "cluster"  # the prefix of the Airflow in the cluster, where nothing lies yet
PORT = postgres.free_port()
# Two cores are enough for what is this small.
SITE = """
orchestration.schedule = ""
[orchestration.kubernetes]
image_pull_policy = "Never"
training = { requests = { cpu = "500m", memory = "1Gi" }, limits = { memory = "4Gi" } }
other = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "2Gi" } }
"""


@pytest.fixture(scope="module")
def store(object_store):
    """The variables that lead to a store: by this machine's name, as no pod is sent to 127.0.0.1."""
    here = socket.gethostname()
    if not socket.gethostbyname(here).startswith("127."):
        missing(f"{here}: expected it to mean this machine's loopback, where the store is")
    endpoint = object_store.environment["AWS_ENDPOINT_URL_S3"].replace("127.0.0.1", here)
    return object_store.environment | {"AWS_ENDPOINT_URL_S3": endpoint, "STORE": f"{object_store.uri}/pods"}


@pytest.fixture(scope="module")
def place(plane, node, store):
    return namespace(plane, NAMESPACE, {name: store[name] for name in store if name.endswith(("_ID", "_KEY"))})


@pytest.fixture(scope="module")
def machine(place, store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a person")
    (folder / "kubeconfig").write_text(place.configuration)
    machine = Machine(folder, RUNNER="kubernetes", KUBECONFIG=str(folder / "kubeconfig"), **store)
    make_template(folder / "config", machine.mirror)
    return machine


def make_template(config, mirror):
    """What this site adds to the pods of stages: the network of this machine, and two of its folders."""
    (config / "site.toml").write_text(SITE)
    pod = yaml.safe_load((CONFIG / "kubernetes" / "stage_pod.yaml").read_text())
    spec = pod["spec"] | {"hostNetwork": True}
    for folder in (config, mirror):
        spec["volumes"].append({"name": folder.name, "hostPath": {"path": str(folder)}})
        mount = {"name": folder.name, "mountPath": str(folder), "readOnly": True}
        spec["containers"][0]["volumeMounts"].append(mount)
    (config / "kubernetes").mkdir()
    (config / "kubernetes" / "stage_pod.yaml").write_text(yaml.safe_dump(pod | {"spec": spec}))


@pytest.fixture(scope="module")
def created(place):
    """What the pods are for that are created from now on: a stage, or a worker of Airflow."""
    seen = Counter()

    def look():
        for event in watch.Watch().stream(place.plane.core.list_namespaced_pod, place.name):
            labels = event["object"].metadata.labels or {}
            if event["type"] == "ADDED":
                seen[labels.get("like-for-like/stage", "worker")] += 1

    threading.Thread(target=look, daemon=True).start()
    return seen


@pytest.fixture(scope="module")
def first(machine, created):
    return machine.run()


def test_every_stage_has_a_pod_of_its_own(first, created, place):
    """The run succeeds, its report comes from the bucket, each stage ran once, in its own pod, and none is left."""
    code, output, report = first
    assert (code, report["status"]) == (0, "complete"), output
    assert created == Counter(stage["stage"] for stage in report["stages"])
    assert created["train"] == 8
    assert place.pods == []


def test_what_a_stage_says_is_in_its_tasks_log(machine, first):
    """The pod's lines are Airflow's task log, as the stage wrote them."""
    logs = machine.state.glob("airflow/logs/dag_id=*/run_id=*/task_id=cifar10.train_cnn/*/attempt=1.log")
    texts = [path.read_text() for path in logs]
    assert len(texts) == 2
    assert all("epoch 1/2, val_accuracy" in text and "epoch 2/2, val_accuracy" in text for text in texts)


@pytest.fixture(scope="module")
def installed(machine, first, place, store):
    """Airflow itself in the cluster, installed by the values; its API."""
    if not (programs := postgres.programs()):
        missing("no PostgreSQL here; `apt-get install postgresql` installs it")
    word = secrets.token_urlsafe(12)
    with postgres.private_cluster(programs) as database:
        installation = Installation(place, (machine.environment["WORKFLOW_CONFIG"],), variables(machine, store))
        installation.install(
            {
                "like-for-like-database": {"connection": database.address},
                "like-for-like-airflow": {
                    "fernet-key": f"{secrets.token_urlsafe(32)}=",
                    "api-secret-key": secrets.token_urlsafe(32),
                    "jwt-secret": secrets.token_urlsafe(64),
                },
                "like-for-like-passwords": {"passwords.json": passwords(word)},
            }
        )
        api = AirflowRest(f"http://127.0.0.1:{PORT}", word)
        awaited(api.is_up)
        awaited(lambda: api.dag() is not None)
        yield api


def variables(machine, store):
    """What this site changes: the addresses, all on loopback."""
    return {name: store[name] for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION")} | {
        "STORE": f"{store['STORE']}/{CLUSTER}",
        "WORKFLOW_CONFIG": machine.environment["WORKFLOW_CONFIG"],
        "DATASET_MIRROR": str(machine.mirror),
        "AIRFLOW__CORE__PARALLELISM": "4",  # a worker's start takes a core for some 10 s
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(PORT),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{PORT}/execution/",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"{store['STORE']}/airflow-logs",
    }


def test_a_worker_is_a_pod_too(installed, created, place, store, first):
    """With Airflow in the cluster by the values, a task is a pod that starts the pod of its stage: the same results."""
    created.clear()
    installed.unpause()
    installed.trigger("in-pods", {"profile": "smoke"})
    over = installed.ended(COMPARISON, "in-pods")
    assert over["state"] == "success", installed.states(COMPARISON, over)
    report = read_report(store, f"{CLUSTER}/reports/in-pods/report.json")
    assert numbers(report) == numbers(first[2])
    stages = Counter(stage["stage"] for stage in report["stages"])
    assert {name: created[name] for name in stages} == stages
    assert created["worker"] >= stages.total()


def read_report(store, key):
    """A report in the store."""
    bucket, _, prefix = store["STORE"].removeprefix("s3://").partition("/")
    keys = {name.lower(): value for name, value in store.items() if name.endswith(("_ID", "_KEY"))}
    client = boto3.client("s3", endpoint_url=store["AWS_ENDPOINT_URL_S3"], region_name=store["AWS_REGION"], **keys)
    return json.loads(client.get_object(Bucket=bucket, Key=f"{prefix}/{key}")["Body"].read())
