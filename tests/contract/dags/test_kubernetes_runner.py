"""A stage as a pod: what the cluster is asked for, what it must not see, and what the end of a pod means."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from dags.stage_operators import settings
from tasks.errors import RequestError
from tasks.project import PROJECT
from tasks.settings.loading import load_configuration
from tasks.settings.orchestration import Orchestration
from tasks.settings.values import parse
from tasks.settings.workflow import STAGES
from tests.contract.dags.graph import edges, recorded_edges
from tests.contract.dags.stand_in_cluster import Cluster
from tests.support.lazy import Lazy
from tests.support.stage_tasks import RUN, context, rendered

client = Lazy("kubernetes.client")
exceptions = Lazy("airflow.sdk.exceptions")
stage_command = Lazy("dags.stage_command")
kubernetes = Lazy("dags.runners.kubernetes")

PODS = Path(__file__).with_name("stage_pods.yaml")
CANARY = "hunter2hunter2"
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    """A worker's environment: a bucket, the way to it, and credentials that no pod may show."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "KUBERNETES_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AIRFLOW__CORE__FERNET_KEY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("STORE", "s3://models/like-for-like")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("RUNNER", "kubernetes")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A cluster that answers where Airflow's connection points."""
    with Cluster() as found:
        configuration = tmp_path / "kubeconfig"
        configuration.write_text(json.dumps(found.configuration))
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(configuration)}}
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
        yield found


@pytest.fixture
def dag():
    """The DAG as parsed with this runner."""
    bag = Lazy("airflow.dag_processing.dagbag").DagBag(PROJECT / "dags")
    assert bag.import_errors == {}
    return bag.dags["compare_image_models"]


def description(dag, task_id, run_id=RUN, params=None):
    """The pod of the task as it goes to the cluster."""
    task = rendered(dag, task_id, run_id, params)
    return client.ApiClient().sanitize_for_serialization(task.build_pod_request_obj(context(task, run_id)))


def stage(**given):
    """A stage of its own, outside a DAG."""
    orchestration = load_configuration().with_runner("kubernetes").orchestration
    return kubernetes.KubernetesStage(task_id="fetch", **settings("fetch", orchestration) | given)


def strictly(document):
    """`document`, which must be a pod of the Kubernetes client's models and nothing else."""
    again = client.ApiClient().sanitize_for_serialization(client.ApiClient()._ApiClient__deserialize(document, "V1Pod"))
    assert again == document
    return document


@pytest.mark.parametrize("task_id", ["plan", "cifar10.train_cnn"])
def test_the_pod_of_a_stage(dag, cluster, task_id):
    """A stage's pod is, field by field, the one on record: command, environment, resources, confinement, labels."""
    expected = {pod["metadata"]["labels"]["task_id"]: pod for pod in yaml.safe_load_all(PODS.read_text())}
    pod = description(dag, task_id)
    del pod["metadata"]["labels"]["airflow_version"]
    name = pod["metadata"].pop("name")
    assert pod == expected[task_id]
    assert re.fullmatch(re.sub(r"[._]", "-", task_id) + "-[a-z0-9]{8}", name)


def test_the_pods_on_record_are_pods():
    """Every field on record exists in the API of Kubernetes; an invented one is seen."""
    pods = [strictly(pod) for pod in yaml.safe_load_all(PODS.read_text())]
    assert len(pods) == 2
    pods[0]["spec"]["containers"][0]["securityContext"]["runAsNobody"] = True
    with pytest.raises(AssertionError):
        strictly(pods[0])


def test_every_pod_is_confined(dag, cluster, tmp_path):
    """No stage runs as root, gains a right, changes its image or holds a token, whatever the template asks for."""
    template = yaml.safe_load((PROJECT / "config" / "kubernetes" / "stage_pod.yaml").read_text())
    template["spec"]["securityContext"] = {"runAsUser": 0, "runAsNonRoot": False}
    template["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    careless = tmp_path / "careless.yaml"
    careless.write_text(yaml.safe_dump(template))
    ours = [task.task_id for task in dag.tasks if task.task_type in ("KubernetesStage", "ReportStage")]
    assert {"plan", "report", "cifar10.train_cnn"} <= set(ours)
    for task_id in ours:
        task = rendered(dag, task_id)
        task.pod_template_file = str(careless)
        spec = client.ApiClient().sanitize_for_serialization(task.build_pod_request_obj(context(task)))["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert {"name": "scratch", "mountPath": "/tmp"} in container["volumeMounts"]


def test_gpus_go_where_models_are_trained():
    """GPUs, and the nodes that have them, are asked for by the stages that train, and by no other."""
    wanted = {
        "gpus": 2,
        "training": {"node_selector": {"pool": "gpu"}, "tolerations": [{"key": "nvidia.com/gpu"}]},
        "other": {"limits": {"memory": "1Gi"}},
    }
    orchestration = parse(Orchestration, {"runner": "kubernetes", "kubernetes": wanted}, "test")
    for name in STAGES:
        found = kubernetes.options(name, orchestration)
        limits = found["container_resources"].limits
        expected = {"nvidia.com/gpu": "2"} if STAGES[name].trains else {"memory": "1Gi"}
        assert limits == expected
        assert found["node_selector"] == ({"pool": "gpu"} if STAGES[name].trains else {})
        tolerations = stage(**found).tolerations
        assert [toleration.key for toleration in tolerations] == (["nvidia.com/gpu"] if STAGES[name].trains else [])


@pytest.mark.parametrize(
    "wanted",
    [{"training": {"limits": {"memory": "lots"}}}, {"gpus": -1}, {"namespace": "Like For Like"}, {"stage_image": "x"}],
)
def test_a_wrong_value_is_refused(wanted):
    """What no cluster could understand is refused when the configuration is read."""
    with pytest.raises(RequestError, match=r"^test: kubernetes\.[^\n]*$"):
        parse(Orchestration, {"kubernetes": wanted}, "test")


def test_credentials_pass_by_reference(dag, cluster):
    """A pod gets the store's address in the open and its credentials from a Secret; Airflow keeps and sends neither."""
    assert CANARY not in json.dumps(Lazy("airflow.serialization.serialized_objects").DagSerialization.to_dict(dag))
    for task_id in ("plan", "cifar10.train_cnn"):
        task = rendered(dag, task_id)
        task.execute(context(task))
        assert CANARY not in str([getattr(task, field, None) for field in task.template_fields])
    assert len(cluster.created) == 2
    assert CANARY not in json.dumps(cluster.created)
    for pod in cluster.created:
        (container,) = pod["spec"]["containers"]
        shown = {variable["name"]: variable["value"] for variable in container["env"]}
        assert shown["STORE"] == "s3://models/like-for-like"
        assert shown["AWS_ENDPOINT_URL_S3"] == "https://s3.example.org"
        assert shown["AWS_REGION"] == "eu-central-1"
        assert container["envFrom"] == [{"secretRef": {"name": "like-for-like-store"}}]


def test_an_identity_needs_no_secret(cluster):
    """Without a Secret the service account alone stands for who may reach the store."""
    wanted = {"runner": "kubernetes", "kubernetes": {"service_account": "trainer"}}
    task = stage(**kubernetes.options("fetch", parse(Orchestration, wanted, "test")))
    spec = client.ApiClient().sanitize_for_serialization(task.build_pod_request_obj())["spec"]
    assert spec["serviceAccountName"] == "trainer"
    assert spec["containers"][0]["envFrom"] == []


def expanded(text, variables):
    """What a container gets for `text`, as Kubernetes documents it: `$(NAME)` is a variable's value, `$$` is `$`."""
    known = lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0])  # noqa: E731
    return re.sub(r"\$\$|\$\(([^)]*)\)", known, text)


def test_nothing_in_a_run_reads_a_credential(dag, cluster):
    """A run's id or a form's value with `$(NAME)` in it arrives as it is: no variable is put in its place."""
    run, mirror = "$(AWS_SECRET_ACCESS_KEY)-$1", "https://x/$(AWS_SECRET_ACCESS_KEY)/$$(STORE)"
    secret = {"AWS_SECRET_ACCESS_KEY": CANARY, "STORE": "s3://b/p"}
    (container,) = description(dag, "plan", run, {"mirror": mirror})["spec"]["containers"]
    values = {variable["name"]: expanded(variable["value"], secret) for variable in container["env"]}
    assert [expanded(word, secret) for word in container["args"]] == ["plan", "--run", run]
    assert json.loads(values["RUN_PARAMETERS"])["mirror"] == mirror
    assert expanded(run, secret) == f"{CANARY}-$1"


@pytest.mark.parametrize("run_id", ["quick-1", RUN, "$(id);`x` \n/../é" * 30, "-", "a" * 250, "A_" * 31 + "-"])
def test_labels(dag, cluster, run_id):
    """Whatever a run is called, its pods carry labels that Kubernetes accepts and that name it and no other."""
    labels = description(dag, "cifar10.train_cnn", run_id)["metadata"]["labels"]
    if run_id == "-":  # the label that Airflow's operator itself makes of a run without a letter or digit is refused
        del labels["run_id"]
    assert all(LABEL_VALUE.fullmatch(value) for value in labels.values()), labels
    ours = {name.partition("/")[2]: value for name, value in labels.items() if name.startswith("like-for-like/")}
    other = description(dag, "cifar10.train_cnn", run_id + "x")["metadata"]["labels"]["like-for-like/run"]
    assert ours.pop("run") != other
    assert ours == {"stage": "train", "dataset": "cifar10", "family": "cnn", "budget": "250000", "seed": "0"}


def test_a_stage_that_succeeds(cluster):
    """The pod's log is the task's, and nothing is left in the cluster."""
    task = stage()
    task.execute(context(task))
    assert len(cluster.created) == 1
    assert cluster.pods == {}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (99, "AirflowSkipException"),
        (64, "AirflowFailException"),
        (65, "AirflowFailException"),
        (1, "AirflowException"),
        (137, "AirflowException"),
    ],
)
def test_exit_codes(cluster, code, outcome):
    """99 skips, 64 and 65 fail at once, anything else may be retried; the pod is removed each time."""
    cluster.exit_code = code
    task = stage()
    with pytest.raises(exceptions.AirflowException) as caught:
        task.execute(context(task))
    assert type(caught.value) is getattr(exceptions, outcome)
    assert len(cluster.created) == 1
    assert cluster.pods == {}


def test_a_failure_says_why(cluster):
    """The last words of a stage stand in the task's error."""
    cluster.exit_code = 1
    task = stage()
    with pytest.raises(exceptions.AirflowException, match="the stage's last words"):
        task.execute(context(task))


def test_a_pod_outlives_its_worker(cluster):
    """When a worker dies at work, the next attempt takes its pod over: the work is not started a second time."""
    first, second = stage(), stage()
    dead = context(first)
    first.get_or_create_pod(first.build_pod_request_obj(dead), dead)
    second.execute(context(second, try_number=2))
    assert len(cluster.created) == 1
    assert cluster.pods == {}


def test_a_pod_that_finds_no_node_is_withdrawn(cluster):
    """A pod that waited too long is removed, so that it cannot start beside its retry; the retry is Airflow's."""
    cluster.room = False
    task = stage()
    task.schedule_timeout_seconds = task.startup_check_interval_seconds = 0.01
    with pytest.raises(exceptions.AirflowException, match=r"^fetch: [^\n]*too long to be scheduled") as caught:
        task.execute(context(task))
    assert not isinstance(caught.value, exceptions.AirflowFailException)
    assert len(cluster.created) == 1
    assert cluster.pods == {}


def test_a_pod_that_is_taken_away_is_no_success(cluster):
    """The task's error has the cluster's own words; it is worth a retry."""
    cluster.reason = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    task = stage()
    with pytest.raises(exceptions.AirflowException, match=r"^fetch: Evicted: The node was low on resource") as caught:
        task.execute(context(task))
    assert not isinstance(caught.value, exceptions.AirflowFailException)
    assert cluster.pods == {}


@pytest.mark.parametrize(("status", "outcome"), [(403, "AirflowException"), (422, "AirflowFailException")])
def test_a_pod_that_is_refused(cluster, status, outcome):
    """The task's error has the API server's own words in one line; only what no cluster takes is not retried."""
    cluster.refusal = status, "exceeded quota: small,\nrequested: pods=1"
    task = stage()
    with pytest.raises(exceptions.AirflowException) as caught:
        task.execute(context(task))
    assert type(caught.value) is getattr(exceptions, outcome)
    assert str(caught.value) == f"fetch: the cluster answered {status}: exceeded quota: small, requested: pods=1"


def test_waiting_is_no_work(dag):
    """A stage's time begins when its pod does; the task's includes a queue of an hour and a slow pull of the image."""
    for task_id, name in {"plan": "plan", "cifar10.train_cnn": "train"}.items():
        task = rendered(dag, task_id)
        assert task.active_deadline_seconds == STAGES[name].limit.total_seconds()
        assert task.execution_timeout == STAGES[name].limit + timedelta(seconds=3600 + 900)
        assert (task.schedule_timeout_seconds, task.startup_timeout_seconds) == (3600, 900)


@pytest.mark.parametrize("store", ["file:///data", ""])
def test_no_pod_without_a_bucket(cluster, monkeypatch, store):
    """A store that no pod can reach fails the task before anything is started, and is not retried."""
    monkeypatch.setenv("STORE", store)
    task = stage()
    with pytest.raises(exceptions.AirflowFailException, match="STORE: expected s3://"):
        task.execute(context(task))
    assert cluster.created == []


def test_no_pod_without_its_template(cluster, tmp_path):
    """A template that was taken away fails the task before anything is started, and is not retried."""
    task = stage(pod_template_file=str(tmp_path / "none.yaml"))
    with pytest.raises(exceptions.AirflowFailException, match="pod template"):
        task.execute(context(task))
    assert cluster.created == []


def pod(**spec):
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "spec": spec})


@pytest.mark.parametrize(
    ("template", "received"),
    [
        (None, "cannot read it: No such file"),
        ("kind: [", "received no YAML"),
        ("just words", "received str"),
        ("kind: Deployment", "received Deployment"),
        (pod(), r"received containers \[\]"),
        (pod(containers=[{"name": "main"}]), r"received containers \['main'\]"),
        (pod(containers=[{"name": "proxy"}, {"name": "base"}]), r"received containers \['proxy', 'base'\]"),
    ],
)
def test_check_looks_at_the_template(cluster, tmp_path, template, received):
    """A template that no pod can be made of is named before anything is queued, in one line."""
    path = tmp_path / "pod.yaml"
    if template is not None:
        path.write_text(template)
    orchestration = parse(Orchestration, {"kubernetes": {"pod_template": str(path)}}, "test")
    with pytest.raises(
        stage_command.RunnerError, match=rf"^pod template {path}: expected a Pod[^\n]*{received}[^\n]*$"
    ):
        kubernetes.check(orchestration)


def test_check_looks_for_the_cluster(cluster, tmp_path, monkeypatch):
    """Without a cluster around it and without a kubeconfig nothing could run: one line says so; either will do."""
    kubernetes.check(Orchestration())
    monkeypatch.delenv("AIRFLOW_CONN_KUBERNETES_DEFAULT")
    (tmp_path / "garbage").write_text("apiVersion: [\n")
    for name in ("none", "garbage", "."):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / name))
        with pytest.raises(stage_command.RunnerError, match=r"^Kubernetes: expected to run in a cluster[^\n]*$"):
            kubernetes.check(Orchestration())
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    kubernetes.check(Orchestration())
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    kubernetes.check(Orchestration())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE", "file:///data"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:8080"),
        ("AWS_ENDPOINT_URL", "http://localhost:9000"),
        ("AWS_ENDPOINT_URL", "http://[::1]:9000"),
        ("DATASET_MIRROR", f"https://me:{CANARY}@mirror.example.org"),
    ],
)
def test_check_looks_at_the_addresses(cluster, monkeypatch, name, value):
    """A folder, a server of this machine alone, or a password in an address is nothing for pods: one line says so."""
    monkeypatch.setenv(name, value)
    with pytest.raises(stage_command.RunnerError, match=rf"^{name}: expected [^\n]*$") as caught:
        kubernetes.check(Orchestration())
    assert CANARY not in str(caught.value)


def test_preflight(tmp_path):
    """`python -m dags.preflight` says in one line why no pod could start."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "STORE": "file:///data"}
    command = [sys.executable, "-m", "dags.preflight"]
    run = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 64
    assert "STORE: expected s3://" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("runner", ["local", "docker", "kubernetes"])
def test_every_runner_has_the_same_edges(monkeypatch, runner):
    """Where a stage runs changes nothing about what waits for what."""
    monkeypatch.setenv("RUNNER", runner)
    dag = Lazy("airflow.dag_processing.dagbag").DagBag(PROJECT / "dags").dags["compare_image_models"]
    assert dag.get_task("plan").task_type.lower() == f"{runner}stage"
    assert edges(dag) == recorded_edges(load_configuration())
