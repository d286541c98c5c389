"""The kubernetes runner against a whole cluster: its own servers, a node with a kubelet, real pods and logs."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tasks.project import PROJECT
from tests.engine.cluster.worker import execute, in_background, stage
from tests.support.airflow_rest import awaited
from tests.support.lazy import Lazy

k8s = Lazy("kubernetes.client.models")
exceptions = Lazy("airflow.sdk.exceptions")
UNTIL_TOLD = "until [ -e /tmp/go ]; do sleep 0.2; done"
pytestmark = pytest.mark.usefixtures("node")


def at_work(place):
    """The only pod, once it is at work."""
    return awaited(lambda: next(pod for pod in place.pods if pod.status.phase == "Running"))


def words(place, pod):
    """What it has said so far."""
    return place.core.read_namespaced_pod_log(pod.metadata.name, place.name, _preload_content=False).data.decode()


def emptied(place):
    """Whether no pod is left, once the kubelet has ended them."""
    return awaited(lambda: not place.pods)


def told_to_end(place, pod):
    """Say to a pod's script that it may end; the account of Airflow may, as the chart lets it execute commands."""
    call, name = place.core.connect_get_namespaced_pod_exec, pod.metadata.name
    Lazy("kubernetes.stream").stream(call, name, place.name, command=["touch", "/tmp/go"], stdout=True)


def in_process(place, script, output=None):
    """A worker's process that does the task of such a pod."""
    line = [sys.executable, "-m", "tests.engine.cluster.worker", place.name, script, "1"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=output, stderr=output)


def failure(place, script, **given):
    """The error of a task whose pod runs a script."""
    with pytest.raises(exceptions.AirflowException) as caught:
        execute(stage(place.name, script, **given))
    assert emptied(place)
    return caught.value


def test_a_pod_is_confined(place):
    """Not root, nothing writable but /tmp, no capability, no new rights, no token, and the store's Secret."""
    look = "grep -E 'CapEff|NoNew|Seccomp:' /proc/self/status; ls /var/run/secrets; echo key $AWS_ACCESS_KEY_ID"
    ended = in_background(stage(place.name, f"exec 2>&1; id -u; touch /app/x; touch /tmp/y && {look}; sleep 600"))
    said = awaited(lambda: (text := words(place, at_work(place))) and "key" in text and text)
    assert said.startswith("10001\n")
    assert "Read-only file system" in said
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said
    assert "Seccomp:\t2" in said
    assert "No such file or directory" in said
    assert "key nobody" in said
    place.core.delete_namespaced_pod(at_work(place).metadata.name, place.name)
    assert awaited(lambda: ended)
    assert emptied(place)


def test_the_log_of_a_task_is_the_stages(place, tmp_path):
    """What a stage says is in the log of its task while the stage is at work, and to its end."""
    log = tmp_path / "log"
    # The operator keeps a line back until the next one comes, as it may go on.
    script = f"echo first $((1)); echo next; {UNTIL_TOLD}; echo last $((2))"
    with log.open("wb") as stream, in_process(place, script, stream) as task:
        awaited(lambda: "first 1" in log.read_text())
        told_to_end(place, at_work(place))
        assert task.wait() == 0
    assert "last 2" in log.read_text()
    assert emptied(place)


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
def test_exit_codes(place, code, outcome):
    """99 skips, 64 and 65 fail at once, anything else may be retried with the stage's last words; no pod stays."""
    error = failure(place, f"echo last words; exit {code}")
    assert type(error) is getattr(exceptions, outcome)
    assert outcome != "AirflowException" or "last words" in str(error)


def test_a_pod_outlives_its_worker(place):
    """A worker killed with SIGKILL leaves its pod at work; the next attempt takes it over, and starts no other."""
    with in_process(place, UNTIL_TOLD) as dying:
        pod = at_work(place)
        dying.send_signal(signal.SIGKILL)
    ended = in_background(stage(place.name, UNTIL_TOLD), try_number=2)
    time.sleep(5)
    assert [each.metadata.uid for each in place.pods] == [pod.metadata.uid]
    told_to_end(place, pod)
    assert awaited(lambda: ended) == [None]
    assert emptied(place)


def test_an_evicted_pod_is_no_success(place):
    """A pod that outgrows its scratch space is evicted by its node: the attempt fails with the node's words."""
    scratch = k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit="10Mi"))
    error = failure(place, "head -c 50000000 /dev/zero >/tmp/much; sleep 600", volumes=[scratch])
    assert type(error) is exceptions.AirflowException
    assert str(error).startswith('fetch: Evicted: Usage of EmptyDir volume "scratch" exceeds the limit "10Mi"')


def test_a_pod_that_finds_no_node_is_withdrawn(place):
    """Where no node has room the task ends after its time in the queue; its error says so, and the pod is gone."""
    room = k8s.V1ResourceRequirements(requests={"cpu": "1000"})
    error = failure(place, "true", container_resources=room, schedule_timeout_seconds=5)
    assert type(error) is exceptions.AirflowException
    assert "too long to be scheduled" in str(error)


def test_an_image_that_the_node_lacks_is_named(place):
    """The task's error says which image it is."""
    error = failure(place, "true", image="like-for-like/nowhere:1", image_pull_policy="Never")
    assert str(error).startswith("fetch: ")
    assert "like-for-like/nowhere:1" in str(error)


def test_a_task_that_is_stopped_ends_its_pod(place):
    """What Airflow calls when a person stops a task ends the pod."""
    task = stage(place.name, "sleep 600")
    in_background(task)
    at_work(place)
    task.on_kill()
    assert emptied(place)
