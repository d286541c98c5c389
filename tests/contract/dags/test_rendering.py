"""Values of a run are data: Airflow's own rendering puts them in place once, and nothing in them is executed."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.project import PROJECT
from tests.support.lazy import Lazy
from tests.support.tiny_data import make_configuration

HOSTILE = """{{ 7 * 7 }} {% for x in range(9) %}x{% endfor %} {{ conn.get('store').password }} $(id) `id` "; id; '"""


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Where a stand-in for the interpreter writes what reached it."""
    stand_in, heard = tmp_path / "python", tmp_path / "heard.json"
    stand_in.write_text(
        "#!/usr/bin/env python3\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], dict(os.environ)], open({str(heard)!r}, 'w'))\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("STAGE_PYTHON", str(stand_in))
    return heard


def parsed():
    return Lazy("airflow.dag_processing.dagbag").DagBag(PROJECT / "dags").dags["compare_image_models"]


def rendered(task, started_by="manual", events=(), **context):
    """The task as a worker has it before it executes, in a run that was started so, by events of these datasets."""
    asset, kinds = Lazy("dags.assets").asset, Lazy("airflow.sdk.execution_time.context")
    happened = {kinds.AssetUniqueKey.from_asset(asset(dataset)): [object()] for dataset in events}
    context |= {
        "dag_run": SimpleNamespace(run_type=Lazy("airflow.sdk.api.datamodels._generated").DagRunType(started_by)),
        "triggering_asset_events": kinds.TriggeringAssetEventsAccessor(happened),
    }
    task.render_template_fields(context | {"task": task, "dag": task.dag})
    return task


def test_a_template_in_a_value_is_not_rendered_again(heard):
    """Run id and form values with Jinja and shell characters reach the stage as they were typed."""
    plan = parsed().get_task("plan")
    form = {"profile": "quick", "mirror": HOSTILE, "datasets": [HOSTILE]}
    rendered(plan, run_id=HOSTILE, params=form).execute({})
    arguments, environment = json.loads(heard.read_text())
    assert arguments == ["-m", "tasks", "plan", "--run", HOSTILE]
    assert json.loads(environment["RUN_PARAMETERS"]) == form


@pytest.mark.parametrize(
    ("started_by", "events", "asked"),
    [
        ("manual", [], ["cifar10", "fashion_mnist"]),
        ("scheduled", [], ["cifar10", "fashion_mnist"]),
        ("asset_triggered", ["cifar10"], ["cifar10"]),
        ("asset_triggered", ["fashion_mnist", "cifar10"], ["cifar10", "fashion_mnist"]),
    ],
)
def test_a_run_that_datasets_started_is_about_them(heard, started_by, events, asked):
    """`plan` hears how the run was started, and for which datasets: all of the form, or those of the asset events."""
    plan = parsed().get_task("plan")
    form = {"profile": "quick", "datasets": ["cifar10", "fashion_mnist"]}
    rendered(plan, started_by, events, run_id="r", params=form).execute({})
    _, environment = json.loads(heard.read_text())
    assert environment["RUN_TRIGGER"] == started_by
    assert json.loads(environment["RUN_PARAMETERS"]) == form | {"datasets": asked}


def test_a_template_in_the_configuration_is_no_template(heard, tmp_path, monkeypatch):
    """Text of a dataset's TOML is shown to people, and stands in no field that Airflow renders."""
    folder = make_configuration(tmp_path / "config")
    toml = folder / "datasets" / "cifar10.toml"
    toml.write_text(toml.read_text().replace("Tiny CIFAR", "{{ 7 * 7 }} $(id)"))
    monkeypatch.setenv("WORKFLOW_CONFIG", str(folder))
    dag = parsed()
    assert dag.task_group.children["cifar10"].tooltip == "{{ 7 * 7 }} $(id)"
    for task in dag.tasks:
        values = task.partial_kwargs if task.is_mapped else vars(task)
        assert "7 * 7" not in str([values.get(name) for name in task.template_fields]), task.task_id


def test_the_command_is_fixed(heard):
    """What a shell reads holds no value of a run: two runs have one command line."""
    dag = parsed()
    for task_id in ("plan", "cifar10.fetch", "cifar10.normalize", "report"):
        task = dag.get_task(task_id)
        before = task.bash_command
        assert "{" not in before
        assert rendered(task, run_id=HOSTILE, params={}).bash_command == before
        assert Path(task.cwd) == PROJECT
