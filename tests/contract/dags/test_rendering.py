"""Values of a run are data: Airflow's own rendering puts them in place once, and nothing in them is executed."""

import json
from pathlib import Path

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


def rendered(task, **context):
    """The task as a worker has it before it executes."""
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


def test_the_seeds_do_not_ask_where_the_data_is():
    """A folder below the owner's own mirror, which `plan` lets pass, does not fail the task that names the seeds."""
    replicates = parsed().get_task("replicates")
    assert replicates.python_callable(params={"profile": "smoke", "mirror": "/own/below"}) == [0, 1]
