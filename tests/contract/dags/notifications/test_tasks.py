"""The tasks that tell people, as Airflow reads them: which there are, and that they decide nothing."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tasks.project import PROJECT
from tests.support.lazy import Lazy
from tests.support.tiny_data import make_configuration

airflow_dags = Lazy("airflow.dag_processing.dagbag")
exceptions = Lazy("airflow.sdk.exceptions")
message = Lazy("dags.notifications.message")
operators = Lazy("dags.notifications.operators")
serialization = Lazy("airflow.serialization.serialized_objects")
task_states = Lazy("dags.task_states")

TEAM = 'channels.team = { kind = "email", connection = "mail", to = ["team@example.org"], on = ["always"] }'
HOOK = 'channels.hook = { kind = "webhook", connection = "hook", on = ["promoted"] }'
LATE = "expected_hours = 3.0"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = make_configuration(tmp_path / "config")
    monkeypatch.setenv("WORKFLOW_CONFIG", str(folder))
    return folder


@pytest.fixture
def read(folder):
    """Read the DAGs as Airflow does, under these lines of `[notifications]`."""

    def read(*lines):
        (folder / "site.toml").write_text("\n".join(["[notifications]", *lines]))
        bag = airflow_dags.DagBag(PROJECT / "dags")
        assert bag.import_errors == {}
        return bag.dags

    return read


def telling(dag):
    """The tasks that tell people."""
    return {task.task_id: task for task in dag.tasks if task.task_type == "Notification"}


def state_of(dag, **states):
    """The tasks by which Airflow's scheduler judges a run."""
    kept = serialization.DagSerialization.from_dict(serialization.DagSerialization.to_dict(dag))
    tis = [SimpleNamespace(task_id=task.task_id, state="success") for task in dag.tasks]
    judged = Lazy("airflow.models.dagrun").DagRun._tis_for_dagrun_state
    # A set of task instances, which compare by what they are.
    return sorted(each.task_id for each in judged(None, dag=kept, tis=_Hashable.of(tis)))


class _Hashable(SimpleNamespace):
    @classmethod
    def of(cls, tis):
        return [cls(**vars(each)) for each in tis]

    __hash__ = object.__hash__


def test_without_channels_there_are_no_tasks(read):
    """Nor is there a DAG of late runs."""
    dags = read()
    assert "late_runs" not in dags
    assert [name for dag in dags.values() for name in telling(dag)] == []
    assert not dags["compare_image_models"].has_task("deadline")


def test_each_channel_that_hears_of_a_runs_end_has_a_task(read):
    """It comes after all other work, however that ended, and is tried again alone. Others have none."""
    dag = read(TEAM, HOOK)["compare_image_models"]
    (task,) = telling(dag).values()
    assert (task.task_id, task.upstream_task_ids, task.retries) == ("notify.team", {"candidates"}, 3)
    assert task.downstream_task_ids == {"complete"}
    assert task.trigger_rule == "all_done"
    assert task.execution_timeout is not None
    assert task.owner == "like-for-like"
    assert task.doc_md


def test_telling_does_not_decide_how_a_run_ends(read):
    """The scheduler judges a run by `complete` alone, with channels and a deadline and without.

    No task is a teardown: Airflow would run these in a run that a person stops, and then take it for a success.
    """
    for lines in ((TEAM, LATE), ()):
        dags = read(*lines)
        for name in ("compare_image_models", "promote_champion"):
            assert state_of(dags[name]) == ["complete"]
            assert [task.task_id for task in dags[name].tasks if task.is_teardown] == []


def test_each_dataset_tells_of_its_candidate(read):
    """That one waits, beside the task that waits, where the gate let it pass; what became of it, however that ended.

    They hang on the choice of datasets, too: for those that a run leaves out, no process starts in order to be skipped.
    """
    dag = read(TEAM, HOOK)["promote_champion"]
    found = {name: (task.upstream_task_ids, task.trigger_rule.value) for name, task in telling(dag).items()}
    ended = ({"datasets", "cifar10.promote"}, "all_done")
    assert {name: each for name, each in found.items() if name.startswith("cifar10.")} == {
        "cifar10.notify_waiting.team": ({"datasets", "cifar10.judge"}, "all_success"),
        "cifar10.notify.team": ended,
        "cifar10.notify.hook": ended,
    }
    assert len(found) == 6
    last = {"cifar10.promote", "fashion_mnist.promote", *found}
    assert (dag.get_task("complete").upstream_task_ids, state_of(dag)) == (last, ["complete"])


def test_late_runs_have_a_dag_of_their_own(read):
    """It starts by the deadline alone. The task that sets it waits for nothing."""
    dags = read(TEAM, HOOK, LATE)
    dag, deadline = dags["late_runs"], dags["compare_image_models"].get_task("deadline")
    assert list(telling(dag)) == ["notify.team"]
    assert {task.task_type for task in telling(dag).values()} | {deadline.task_type} == {*task_states.TELLING}
    assert (dag.is_paused_upon_creation, dag.timetable.can_be_scheduled) == (False, False)
    assert (deadline.upstream_task_ids, deadline.downstream_task_ids) == (set(), {"complete"})


def test_a_deadline_is_set_once_for_a_run(read):
    """At its start plus the hours. Where the run is started again, it keeps the first one."""
    deadline = read(TEAM, LATE)["compare_image_models"].get_task("deadline")
    start = datetime(2026, 11, 30, 3, tzinfo=UTC)
    with pytest.raises(exceptions.DagRunTriggerException) as caught:
        deadline.execute({"dag_run": SimpleNamespace(start_date=start)})
    asked = caught.value
    assert (asked.trigger_dag_id, asked.run_after) == ("late_runs", start + timedelta(hours=3))
    assert asked.skip_when_already_exists
    assert (deadline.trigger_run_id, deadline.conf) == ("{{ run_id }}", {"run": "{{ run_id }}"})


def test_two_parses_are_the_same(read):
    """Nothing in the DAGs changes from one parse to the next, so Airflow keeps one version of each."""
    first, second = read(TEAM, HOOK, LATE), read(TEAM, HOOK, LATE)
    for name, dag in first.items():
        assert serialization.DagSerialization.to_dict(dag) == serialization.DagSerialization.to_dict(second[name])


@pytest.fixture
def task(read):
    """The task of a channel that hears of failures, for what this composes."""

    def task(composed):
        channel = operators.Channel(kind="webhook", connection="hook", on=("failed",))
        return operators.Notification(
            task_id="one", channel=channel, told=operators.Notifications(), compose=lambda context, told: composed
        )

    return task


@pytest.mark.parametrize("occasions", [None, (), ("partial",)])
def test_what_does_not_concern_a_channel_is_skipped(task, occasions):
    """No connection is asked for."""
    composed = None if occasions is None else message.Message(occasions, "dag", "run", "subject", ("line",))
    with pytest.raises(exceptions.AirflowSkipException, match="none of these happened: failed"):
        task(composed).execute({})


def test_a_failed_channel_is_no_failed_task_of_a_run():
    """Nor is a deadline that nobody set. Others are, whatever their dataset is called."""
    crumbs = [
        {"task_id": "notify.team", "state": "failed", "operator": "Notification"},
        {"task_id": "deadline", "state": "failed", "operator": "Deadline"},
        {"task_id": "notify.fetch", "state": "failed", "operator": "LocalStage"},
    ]
    ti = SimpleNamespace(get_task_breadcrumbs=lambda dag_id, run_id: crumbs)
    assert task_states.ended(ti, "run", "failed") == ["notify.fetch"]


def test_parsing_imports_nothing_heavy(folder, tmp_path):
    """Neither what POSTs messages nor what reads the store."""
    (folder / "site.toml").write_text("\n".join(["[notifications]", TEAM, HOOK, LATE]))
    heavy = "tensorflow numpy pandas boto3 requests fastapi"
    code = (
        "import sys, dags.compare_image_models, dags.late_runs; "
        f"print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    )
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
