"""The DAG as Airflow reads it: its edges, its rules, its form, what parsing it costs."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from annotated_types import Le

from dags.compare_image_models import schedule
from tasks.project import PROJECT
from tasks.settings.request import MAX_BUDGETS
from tasks.settings.training import Search, Training

EDGES = Path(__file__).with_name("edges.txt")


@pytest.fixture(scope="module")
def bag():
    return DagBag(PROJECT / "dags")


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["compare_image_models"]


def stages(dag):
    """The tasks that run a stage command."""
    found = [task for task in dag.tasks if task.task_type in ("LocalStage", "ReportStage")]
    assert found
    return found


def test_the_folder_holds_one_dag(bag):
    """Every file in the folder that Airflow reads parses, and they make exactly this DAG."""
    assert bag.import_errors == {}
    assert list(bag.dags) == ["compare_image_models"]


def test_edges(dag):
    """Every dataset has its branch, every family its search, trainings and evaluation, and all meet in the report."""
    edges = sorted(f"{task.task_id} -> {after}" for task in dag.tasks for after in task.downstream_task_ids)
    assert edges == EDGES.read_text().splitlines()


def test_the_run_fails_with_any_branch(dag):
    """The report waits for every branch, failed or not; the only leaf fails when any task of any of them did."""
    report, complete = dag.get_task("report"), dag.get_task("complete")
    evaluations = {task.task_id for task in dag.tasks if ".evaluate_" in task.task_id}
    assert [task.task_id for task in dag.leaves] == ["complete"]
    assert report.trigger_rule == "all_done"
    assert report.upstream_task_ids == evaluations
    assert complete.trigger_rule == "none_failed"
    families = {task.task_id for task in dag.tasks if task.task_id.endswith(("_ann", "_cnn"))}
    assert complete.upstream_task_ids == families | {"report"}
    assert len(families) == 16


def test_a_budget_does_not_wait_for_anothers_success(dag):
    """What follows a search starts when all before it ended, failed or not; all that is not mapped needs success."""
    on = [task for task in dag.tasks if task.task_id.partition(".")[2].startswith(("choose_", "train_", "evaluate_"))]
    assert {task.trigger_rule for task in on} == {"all_done"}
    assert len(on) == 12
    others = [task for task in dag.tasks if task not in on and task.task_id not in ("report", "complete")]
    assert {task.trigger_rule for task in others} == {"all_success"}


def test_every_stage_has_a_limit_a_retry_and_a_page(dag):
    """No stage hangs for ever, a passing fault is retried with growing pauses, and the UI explains every task."""
    for task in stages(dag):
        assert task.execution_timeout is not None, task.task_id
        assert task.retries == 2, task.task_id
        assert task.retry_exponential_backoff > 1, task.task_id
        assert task.max_retry_delay <= timedelta(minutes=10), task.task_id
    for task in dag.tasks:
        assert task.doc_md, task.task_id
        assert task.owner == "like-for-like", task.task_id
    assert dag.doc_md
    assert dag.tags


def test_training_goes_through_its_pool(dag):
    """What computes for long, and nothing else, takes a slot of the pool."""
    pooled = {task.task_id for task in dag.tasks if task.pool == "training"}
    assert pooled == {
        task.task_id
        for task in dag.tasks
        if task.task_id.partition(".")[2].split("_")[0] in ("search", "train", "evaluate")
    }
    assert pooled


@pytest.mark.parametrize(
    ("stage", "parts"),
    [
        ("search", ["budget", "shard"]),
        ("choose", ["budget"]),
        ("train", ["budget", "seed"]),
        ("evaluate", ["budget"]),
    ],
)
def test_the_stages_of_a_family_are_mapped_and_named(dag, stage, parts):
    """Every stage of a family is mapped over the budgets, its searches over shards and its trainings over seeds too."""
    task = dag.get_task(f"cifar10.{stage}_cnn")
    assert task.is_mapped
    assert list(task.expand_input.value) == parts
    assert task.map_index_template == ", ".join(f"{part} {{{{ task.{part} }}}}" for part in parts)


def test_the_longest_trainings_get_a_free_slot_first(dag):
    """A CNN before any ANN, and the greater dataset of the two; the same for a family's search as for its trainings."""
    models = ["cifar10.{}_cnn", "fashion_mnist.{}_cnn", "cifar10.{}_ann", "fashion_mnist.{}_ann"]
    for stage in ("search", "train", "evaluate"):
        tasks = [dag.get_task(model.format(stage)) for model in models]
        assert [task.priority_weight for task in tasks] == [4, 3, 2, 1]
        assert {str(task.weight_rule) for task in tasks} == {"absolute"}


def test_no_run_maps_more_tasks_than_airflow_takes():
    """The most budgets with the most seeds, or shards, stay below the limit of a mapped task."""
    limits = [Training.model_fields["replicates"], Search.model_fields["shards"]]
    most = [next(each.le for each in field.metadata if isinstance(each, Le)) for field in limits]
    assert most == [100, 64]
    assert MAX_BUDGETS * max(most) <= conf.getint("core", "max_map_length")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [250_000]),
        ({"budgets": [30_000]}, [30_000]),
        ({"budgets": [120_000, 30_000]}, [30_000, 120_000]),
        ({"datasets": ["fashion_mnist"]}, []),
    ],
)
def test_the_budgets_are_those_of_the_request(dag, params, expected):
    """The light task of a dataset names its own budget, or those of the form; none where the run leaves it out."""
    task = dag.get_task("cifar10.budgets")
    assert task.python_callable(*task.op_args, params={"profile": "smoke", **params}) == expected


@pytest.mark.parametrize(("trials", "expected"), [(None, [0, 1]), (1, [0])])
def test_the_shards_are_those_of_the_request(dag, trials, expected):
    """The light tasks name what `plan` resolves, the form's wishes included."""
    params = {"profile": "full", "trials": trials}
    assert dag.get_task("shards").python_callable(params) == expected
    assert dag.get_task("replicates").python_callable(params) == [0, 1, 2]


def test_run_settings(dag):
    """One run at a time, none for the past, ready to be triggered."""
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False


def test_the_schedule_waits_for_its_tick(dag):
    """The first run of a new installation is the next tick, even right after one; no schedule means only by hand."""
    tick = datetime.now(UTC).replace(second=0, microsecond=0)
    weekly = decode_timetable(encode_timetable(schedule(f"{tick.minute} {tick.hour} * * {tick.isoweekday() % 7}")))
    unbounded = TimeRestriction(earliest=None, latest=None, catchup=False)
    first = weekly.next_dagrun_info(last_automated_data_interval=None, restriction=unbounded)
    assert first.run_after == tick + timedelta(weeks=1)
    assert schedule("") is None


def test_two_parses_are_the_same(dag):
    """Nothing in the DAG changes from one parse to the next, so Airflow keeps one version of it."""
    again = DagBag(PROJECT / "dags").dags["compare_image_models"]
    assert DagSerialization.to_dict(again) == DagSerialization.to_dict(dag)


def test_no_secret_is_stored(dag, monkeypatch):
    """The store's credentials are inherited by the stage's process and stand in no field that Airflow keeps."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    again = DagBag(PROJECT / "dags").dags["compare_image_models"]
    assert "hunter2" not in str(DagSerialization.to_dict(again))
    for task in stages(dag):
        env = task.partial_kwargs["env"] if task.is_mapped else task.env
        assert not any(name.startswith("AWS_") for name in env), task.task_id


@pytest.mark.parametrize("runner", ["local", "docker", "kubernetes"])
def test_parsing_imports_nothing_heavy(tmp_path, runner):
    """Whoever parses the DAG, for any runner, needs neither TensorFlow nor NumPy, pandas or boto3."""
    heavy = "tensorflow keras numpy pandas boto3 sklearn matplotlib fastapi"
    code = f"import sys, dags.compare_image_models; print(*[n for n in '{heavy}'.split() if n in sys.modules])"
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT), "RUNNER": runner}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
