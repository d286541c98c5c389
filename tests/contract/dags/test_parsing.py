"""What a task's process reads of a DAG, against what Airflow's own processes read."""

import pytest

from tasks.project import PROJECT
from tests.support.lazy import Lazy
from tests.support.living import add_living
from tests.support.tiny_data import choose_configuration

airflow_dags = Lazy("airflow.dag_processing.dagbag")
serialized_objects = Lazy("airflow.serialization.serialized_objects")
DATASETS = {"cifar10", "fashion_mnist", "flowers"}
DAGS = ["compare_image_models", "promote_champion", "watch_data"]


@pytest.fixture(autouse=True)
def configuration(tmp_path, monkeypatch):
    """Three datasets, of which one may change."""
    folder = choose_configuration(tmp_path / "config", monkeypatch)
    add_living(folder, "flowers", tmp_path)
    return folder


@pytest.fixture
def read(monkeypatch):
    """A DAG as the process reads it that executes the task, or as Airflow's own processes do: its tasks, serialized."""

    def read(name, task=None):
        with monkeypatch.context() as patch:
            if task:
                patch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", task)  # as Airflow's task_runner.py sets it
            dag = airflow_dags.DagBag(PROJECT / "dags" / f"{name}.py").dags[name]
        tasks = serialized_objects.DagSerialization.to_dict(dag)["dag"]["tasks"]
        return {each["__var"]["task_id"]: each["__var"] for each in tasks}

    return read


@pytest.mark.parametrize("name", DAGS)
def test_a_task_is_read_without_other_datasets(read, name):
    """It is the same task as in the whole DAG, with all tasks of its own dataset, and none of any other dataset."""
    whole = read(name)
    mine = next(task for task in whole if task.startswith("flowers."))
    part = read(name, mine)
    assert {task.partition(".")[0] for task in part if "." in task} == {"flowers"}
    assert part[mine] == whole[mine]
    assert {task for task in part if task.startswith("flowers.")} == {t for t in whole if t.startswith("flowers.")}


@pytest.mark.parametrize("name", DAGS)
def test_a_task_of_the_whole_run_is_read_with_all_datasets(read, name):
    """A task that belongs to no dataset finds every one: one that skips some has to know them."""
    whole = read(name)
    run = next(task for task in whole if "." not in task)
    assert read(name, run) == whole
    assert {task.partition(".")[0] for task in whole if "." in task} >= (DATASETS if name != "watch_data" else set())
