"""The kubernetes runner against Kubernetes' own API server: what it admits, allows, refuses, and what a task then says.

No kubelet runs here. Where a pod's state matters, the test writes it through the API, as a kubelet does.
"""

import pytest

from tasks.project import PROJECT
from tests.engine.cluster.namespace import SECRET
from tests.engine.cluster.worker import execute, in_background, stage
from tests.support.airflow_rest import awaited
from tests.support.lazy import Lazy
from tests.support.stage_tasks import context, rendered

client = Lazy("kubernetes.client")
watch = Lazy("kubernetes.watch")
exceptions = Lazy("airflow.sdk.exceptions")

# What the API server adds to the specification of a stage's pod.
DEFAULTS = {
    "dnsPolicy",
    "priority",
    "preemptionPolicy",
    "schedulerName",
    "serviceAccount",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "containers.0.terminationMessagePath",
}


@pytest.fixture
def dag(place):
    """The DAG as parsed with this runner."""
    bag = Lazy("airflow.dag_processing.dagbag").DagBag(PROJECT / "dags")
    assert bag.import_errors == {}
    return bag.dags["compare_image_models"]


def sent(pod):
    """A pod as it goes over the network."""
    return client.ApiClient().sanitize_for_serialization(pod)


def leaves(value, path=""):
    """Every value in a document that is not a container of others, by its path; what is empty says nothing."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, each in parts for name, leaf in leaves(each, f"{path}.{key}").items()}
    return {} if value is None else {path.removeprefix("."): value}


def small():
    """A pod as small as can be."""
    containers = [{"name": "base", "image": "none"}]
    return {"metadata": {"generateName": "small-"}, "spec": {"containers": containers}}


def told(place, **status):
    """Say of the only pod what a kubelet would."""
    (pod,) = awaited(lambda: place.pods)
    place.plane.core.patch_namespaced_pod_status(pod.metadata.name, place.name, {"status": status})


def refused(call):
    """The status with which the API server refuses a call."""
    with pytest.raises(client.ApiException) as caught:
        call()
    return caught.value.status


def test_every_stages_pod_is_admitted_as_it_is(dag, place):
    """The API server takes the pod of every stage, drops and changes nothing in it, and adds its defaults alone."""
    ours = [task.task_id for task in dag.tasks if task.task_type in ("KubernetesStage", "ReportStage")]
    stages, added = set(), set()
    for task_id in ours:
        task = rendered(dag, task_id)
        task.namespace = place.name
        wanted = task.build_pod_request_obj(context(task))
        asked = leaves(sent(wanted))
        got = leaves(sent(task.pod_manager.create_pod(wanted)))
        assert {path: got.get(path, False) for path in asked} == asked  # most of what is false goes unsaid
        assert "spec.automountServiceAccountToken" in got
        added |= {path.removeprefix("spec.") for path in set(got) - set(asked) if path.startswith("spec.")}
        stages.add(task.stage)
    assert len(place.pods) == len(ours)
    assert stages == {"plan", "fetch", "normalize", "search", "choose", "train", "evaluate", "report"}
    assert {"tolerations" if path.startswith("tolerations.") else path for path in added} == DEFAULTS


@pytest.mark.parametrize("run_id", ["$(id);`x` \n/../é" * 30, "a" * 250, "A_" * 31 + "-"])
def test_whatever_a_run_is_called_its_pods_are_admitted(dag, place, run_id):
    """Names and labels that come from a run's id are such as the API server takes."""
    task = rendered(dag, "cifar10.train_cnn", run_id)
    task.namespace = place.name
    task.pod_manager.create_pod(task.build_pod_request_obj(context(task, run_id)))
    assert len(place.pods) == 1


def test_airflows_account_may_do_what_it_needs(place):
    """With the chart's role its token creates, lists, reads, patches, watches and deletes pods, and lists events."""
    core, name = place.core, "one"
    core.create_namespaced_pod(place.name, small() | {"metadata": {"name": name}})
    listed = core.list_namespaced_pod(place.name)
    assert [pod.metadata.name for pod in listed.items] == [name]
    core.patch_namespaced_pod(name, place.name, {"metadata": {"labels": {"already_checked": "True"}}})
    assert core.read_namespaced_pod(name, place.name).metadata.labels == {"already_checked": "True"}
    core.list_namespaced_event(place.name)
    core.delete_namespaced_pod(name, place.name)
    since = {"resource_version": listed.metadata.resource_version, "timeout_seconds": 5}
    seen = [event["type"] for event in watch.Watch().stream(core.list_namespaced_pod, place.name, **since)]
    assert (seen[0], seen[-1]) == ("MODIFIED", "DELETED")


def test_airflows_account_may_do_nothing_else(place):
    """It reads no Secret, reaches no other namespace, raises no right, and changes no pod's state: each is refused."""
    core, roles = place.core, client.RbacAuthorizationV1Api(place.plane.client(place.token))
    assert refused(lambda: core.read_namespaced_secret(SECRET, place.name)) == 403
    assert refused(lambda: core.list_namespaced_secret(place.name)) == 403
    assert refused(lambda: core.create_namespaced_pod("default", small())) == 403
    assert refused(core.list_pod_for_all_namespaces) == 403
    assert refused(core.list_node) == 403
    assert refused(lambda: core.delete_namespace(place.name)) == 403
    assert refused(lambda: core.patch_namespaced_pod_status("one", place.name, {})) == 403
    assert refused(lambda: core.delete_collection_namespaced_pod(place.name)) == 403
    assert refused(lambda: roles.list_namespaced_role(place.name)) == 403
    assert refused(lambda: roles.create_namespaced_role(place.name, {"metadata": {"name": "all"}, "rules": []})) == 403


def test_a_stranger_is_refused(place):
    """A token that nobody gave is no token."""
    stranger = client.CoreV1Api(place.plane.client("a token that nobody gave"))
    assert refused(lambda: stranger.list_namespaced_pod(place.name)) == 401


def test_a_task_without_the_right_says_so(place):
    """Where the account may not create pods, the task's error is one line with the API server's own words."""
    task = stage("default")
    with pytest.raises(exceptions.AirflowException, match=r"^fetch: [^\n]*cannot [a-z]+ resource \"pods\"[^\n]*$"):
        execute(task)


def test_a_full_quota_says_so(place):
    """A quota of the namespace refuses the pod: the task's error says which in one line, and is worth a retry."""
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"requests.memory": "1Gi"}}}
    place.plane.core.create_namespaced_resource_quota(place.name, quota)
    awaited(lambda: place.plane.core.read_namespaced_resource_quota("small", place.name).status.hard)
    with pytest.raises(exceptions.AirflowException, match=r"^fetch: [^\n]*exceeded quota: small[^\n]*$") as caught:
        execute(stage(place.name))
    assert not isinstance(caught.value, exceptions.AirflowFailException)
    assert place.pods == []


def test_an_account_that_does_not_exist_is_named(place):
    """A service account that nobody made stands in the task's error, in one line."""
    with pytest.raises(exceptions.AirflowException, match=r'^fetch: [^\n]*serviceaccount "nobody" not found$'):
        execute(stage(place.name, service_account_name="nobody"))


def test_a_pod_that_no_cluster_takes_is_not_retried(place):
    """What the API server calls invalid fails the task for good, in one line with its own words."""
    wanted = client.V1ResourceRequirements(requests={"cpu": "2"}, limits={"cpu": "1"})
    words = r"^fetch: the cluster answered 422: [^\n]*must be less than or equal to cpu limit$"
    with pytest.raises(exceptions.AirflowFailException, match=words):
        execute(stage(place.name, container_resources=wanted))


def test_a_pod_that_stays_pending_is_withdrawn(place):
    """Without a node the task ends after its time in the queue; its error says so, and the pod is gone."""
    task = stage(place.name, schedule_timeout_seconds=2)
    task.startup_check_interval_seconds = 1
    with pytest.raises(exceptions.AirflowException, match=r"^fetch: [^\n]*too long to be scheduled") as caught:
        execute(task)
    assert not isinstance(caught.value, exceptions.AirflowFailException)
    assert place.pods == []


def test_an_evicted_pod_is_no_success(place):
    """A pod that its node evicts fails the attempt with the node's words; it is worth a retry, and the pod is gone."""
    ended = in_background(stage(place.name))
    told(place, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    (error,) = awaited(lambda: ended)
    assert type(error) is exceptions.AirflowException
    assert str(error).startswith("fetch: Evicted: The node was low on resource: memory.")
    assert place.pods == []
