"""`make stack` with a worker of either kind beside the scheduler."""

import docker
import pytest

from tests.engine.conftest import containers, missing
from tests.engine.stack.stack import NAME, lacking, running
from tests.support.airflow_rest import COMPARISON, awaited

DATASET = "fashion_mnist"


@pytest.fixture(params=["celery", "edge"])
def stack(engine, request, tmp_path):
    if reason := lacking():
        missing(reason)
    with running(tmp_path, request.param) as found:
        yield found


def test_the_worker_takes_every_task(stack):
    """A run succeeds, all in the worker's container. `make stack-down` leaves nothing, not even a stage at work."""
    stack.api.unpause()
    stack.api.trigger("tried", {"profile": "smoke", "datasets": [DATASET]})
    over = stack.api.ended(COMPARISON, "tried")
    assert over["state"] == "success", stack.api.states(COMPARISON, over)
    worked = [task for task in stack.api.tasks("tried") if task["hostname"]]
    assert {task["hostname"] for task in worked} == {stack.container(f"{stack.executor}-worker")}
    assert f"{DATASET}.train_cnn" in {task["task_id"] for task in worked}
    stack.api.trigger("cut", {"profile": "smoke", "datasets": [DATASET], "force": ["fetch"]})
    awaited(lambda: containers(docker.from_env(), run="cut"))
    stack.make("stack-down")
    assert containers(docker.from_env(), run="cut") == []
    assert docker.from_env().containers.list(all=True, filters={"label": f"com.docker.compose.project={NAME}"}) == []
