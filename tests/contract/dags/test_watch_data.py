"""Which DAG looks at locations that may change, when it creates an asset event, and who looks at a run's end."""

from types import SimpleNamespace

import pytest

from tasks.project import PROJECT
from tasks.settings.loading import load_configuration
from tests.contract.dags.graph import edges, recorded_edges
from tests.support.lazy import Lazy
from tests.support.living import add_living
from tests.support.tiny_data import make_configuration

airflow_dags = Lazy("airflow.dag_processing.dagbag")
serialized_objects = Lazy("airflow.serialization.serialized_objects")
exceptions = Lazy("airflow.sdk.exceptions")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A configuration with the two pinned datasets and a living one."""
    folder = make_configuration(tmp_path / "config")
    add_living(folder, "flowers", tmp_path / "photos", reader="idx")
    monkeypatch.setenv("WORKFLOW_CONFIG", str(folder))
    return folder


@pytest.fixture
def read(folder, monkeypatch):
    """Read the DAGs as Airflow does, under these settings of retraining."""

    def read(runner="local", **retraining):
        monkeypatch.setenv("RUNNER", runner)
        lines = [f"{name} = {value!r}".replace("'", '"') for name, value in retraining.items()]
        (folder / "site.toml").write_text("\n".join(["[orchestration.retraining]", *lines]))
        bag = airflow_dags.DagBag(PROJECT / "dags")
        assert bag.import_errors == {}
        return bag.dags

    return read


def test_a_dataset_that_may_change_is_watched(read):
    """The DAG looks at it at the cron line, one look at a time, none for the past, and starts without being asked."""
    dag = read(watch="*/7 * * * *")["watch_data"]
    assert edges(dag) == {"no_run_is_active -> flowers.watch"}
    assert dag.timetable.expression == "*/7 * * * *"
    assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)


@pytest.mark.parametrize("runner", ["local", "docker", "kubernetes"])
def test_only_a_look_that_finds_something_rings(read, runner):
    """The look is a command of the configured runner, belongs to no run, and its asset is the dataset's."""
    look = read(runner)["watch_data"].get_task("flowers.watch")
    assert look.stage_command.arguments("a run") == ["watch", "--dataset", "flowers"]
    assert [each.name for each in look.outlets] == ["dataset/flowers"]
    assert look.execution_timeout is not None
    assert look.pool == "default_pool"


@pytest.mark.parametrize(("code", "raised"), [(0, None), (99, "AirflowSkipException"), (1, "AirflowException")])
def test_an_unchanged_listing_is_skipped(read, tmp_path, monkeypatch, code, raised):
    """Exit code 99 creates no event, and nor does a look that fails; 0 is the task's success, which creates one."""
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\nexit {code}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("STAGE_PYTHON", str(stand_in))
    look = read()["watch_data"].get_task("flowers.watch")
    if raised is None:
        look.execute({})
        return
    with pytest.raises(getattr(exceptions, raised)) as caught:
        look.execute({})
    assert isinstance(caught.value, exceptions.AirflowSkipException) == (code == 99)


@pytest.mark.parametrize("active", [0, 1, 2])
def test_nobody_looks_during_a_run(read, active):
    """A run that is queued or running will look itself, so the looks are skipped."""
    asked = []

    def count(dag_id, states):
        asked.append((dag_id, states))
        return active

    gate = read()["watch_data"].get_task("no_run_is_active").python_callable
    ti = SimpleNamespace(get_dr_count=count)
    if active:
        with pytest.raises(exceptions.AirflowSkipException):
            gate(ti)
    else:
        assert gate(ti) is None
    assert asked == [("compare_image_models", ["queued", "running"])]


def test_nothing_is_watched_where_nothing_may_change_or_nobody_is_to_look(read, folder):
    """Without a cron line, or without a living dataset, there is no such DAG, and no look at the end of a run."""
    dags = read(watch="")
    assert "watch_data" not in dags
    assert not dags["compare_image_models"].has_task("flowers.watch")
    (folder / "datasets" / "flowers.toml").unlink()
    assert "watch_data" not in read()


def test_a_run_looks_again_at_its_end(read, folder):
    """After the report, where the fetch was done: what could not be fetched starts no run. `complete` stays last."""
    dag = read()["compare_image_models"]
    assert edges(dag) == recorded_edges(load_configuration(folder))
    look = dag.get_task("flowers.watch")
    assert (look.trigger_rule, look.upstream_task_ids) == ("all_success", {"flowers.fetch", "report"})
    assert [each.name for each in look.outlets] == ["dataset/flowers"]
    assert [task.task_id for task in dag.leaves] == ["complete"]
    assert {task.task_id for task in dag.tasks if task.outlets} == {"flowers.watch", "candidates"}


def test_no_asset_says_where_its_files_lie(read, tmp_path):
    """What Airflow keeps and shows of both DAGs holds no location: it may be a private one."""
    for dag in read().values():
        assert str(tmp_path / "photos") not in str(serialized_objects.DagSerialization.to_dict(dag))


def test_two_parses_are_the_same(read):
    """Nothing in the DAGs changes from one parse to the next, so Airflow keeps one version of each."""
    first, second = read(), read()
    for name, dag in first.items():
        assert serialized_objects.DagSerialization.to_dict(dag) == serialized_objects.DagSerialization.to_dict(
            second[name]
        )
