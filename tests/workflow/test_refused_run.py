"""A run that `plan` refuses: one cause, said once."""

import time

import pytest

from tasks.local.airflow import Secrets
from tasks.local.airflow_api import ACTIVE, AirflowApi
from tests.support.patience import PATIENCE

RUN = "misspelt"


@pytest.fixture(scope="module")
def refused(machine, up):
    """The tasks of a run whose parameters have a misspelt key, by their ids, when it has ended."""
    api = AirflowApi(up["url"], Secrets.load(machine.state / "airflow").password)
    api.trigger(RUN, {"profile": "smoke", "epoch": 3})
    end = time.monotonic() + PATIENCE
    while api.state(RUN) in ACTIVE and time.monotonic() < end:
        time.sleep(1)
    assert api.state(RUN) == "failed"
    return {task["task_id"]: task["state"] for task in api.tasks(RUN)}


def log_of(machine, task):
    """All that a task's log says."""
    folder = machine.state / "airflow" / "logs"
    return "\n".join(path.read_text() for path in folder.glob(f"*/run_id={RUN}/task_id={task}/*.log"))


def test_a_misspelt_key_of_the_rest_api_is_refused_with_the_nearest_name(machine, refused):
    """The API takes keys that no form has; `plan` does not, and is not tried again."""
    assert refused["plan"] == "failed"
    log = log_of(machine, "plan")
    assert "parameters: epoch: expected one of" in log
    assert log.count("did you mean epochs?") == 1


def test_a_run_without_a_plan_has_nothing_to_report(machine, refused):
    """No task but `plan` fails for it: the report is skipped, and the last task says where to look."""
    assert refused["report"] == "skipped"
    assert [task for task, state in refused.items() if state == "failed"] == ["plan", "complete"]
    assert "failed: plan; its log says why" in log_of(machine, "complete")
