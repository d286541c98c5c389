"""The package of the wheel: one name in a stranger's environment, and their own `tasks` and `dags` stay theirs."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from tasks.project import PROJECT
from tests.support.living import add_living

LINE = "from like_for_like import compare_image_models, late_runs, promote_champion, watch_data  # the Airflow DAGs\n"
HOOK = 'channels.hook = { kind = "webhook", connection = "nowhere", on = ["always"] }\n'
# Run the task of the channel, in a run in which `plan` failed.
TELL = """
import sys
from pathlib import Path
from types import SimpleNamespace
from airflow.dag_processing.dagbag import DagBag
task = DagBag(Path(sys.argv[1])).dags["compare_image_models"].get_task("notify.hook")
crumbs = [{"task_id": "plan", "state": "failed", "operator": "LocalStage"}]
ti = SimpleNamespace(get_task_breadcrumbs=lambda dag_id, run_id: crumbs)
try:
    task.execute({"run_id": "monday", "ti": ti})
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""
THEIRS = """
from airflow.sdk import DAG
from tasks.own import NAME
from dags import own
dag = DAG({dag_id!r}, tags=[NAME, own.NAME], schedule=None)
"""
READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
import tasks.own
print(json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors, "theirs": tasks.__file__,
                  "at": bag.dags["compare_image_models"].fileloc}))
"""


@pytest.fixture
def stranger(tmp_path):
    """A stranger's dags folder: packages with our names, and DAGs of theirs that are read before and after ours."""
    site = tmp_path / "site-packages" / "like_for_like"
    site.mkdir(parents=True)
    (site / "__init__.py").symlink_to(PROJECT / "dags" / "installed.py")
    for name in ("tasks", "dags", "config"):
        (site / name).symlink_to(PROJECT / name)
    folder = tmp_path / "dags"
    for package in ("tasks", "dags"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
        (folder / package / "own.py").write_text(f"NAME = 'their {package}'\n")
    for dag_id in ("a_dag", "z_dag"):
        (folder / f"{dag_id}.py").write_text(THEIRS.format(dag_id=dag_id))
    (folder / "ours.py").write_text(LINE)
    return folder


def python(stranger, code, **environment):
    """What a Python of the stranger's environment prints last, with their dags folder on its path as Airflow has it."""
    path = os.pathsep.join(map(str, (stranger, stranger.parent / "site-packages")))
    given = os.environ | {"PYTHONPATH": path, "AIRFLOW_HOME": str(stranger.parent / "home")} | environment
    line = [sys.executable, "-c", code, str(stranger)]
    done = subprocess.run(line, cwd=stranger.parent, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_one_process_reads_their_dags_and_ours(stranger):
    """Whoever is read first: no DAG is lost, no import fails, `tasks` is theirs, and ours is where the line stands."""
    found = json.loads(python(stranger, READ))
    assert (found["dags"], found["errors"]) == (["a_dag", "compare_image_models", "promote_champion", "z_dag"], {})
    assert found["theirs"] == str(stranger / "tasks" / "__init__.py")
    assert found["at"] == str(stranger / "ours.py")


def test_the_same_line_brings_all_dags(stranger):
    """Where a dataset of the site may change, or a run may be late, the DAG that looks at it is there too."""
    site = stranger.parent / "home" / "like_for_like"
    (site / "datasets").mkdir(parents=True)
    add_living(site, "flowers", stranger.parent / "photos", reader="idx")
    (site / "site.toml").write_text(f"[notifications]\nexpected_hours = 3.0\n{HOOK}")
    found = json.loads(python(stranger, READ, WORKFLOW_CONFIG=""))
    ours = ["compare_image_models", "late_runs", "promote_champion", "watch_data"]
    assert (found["dags"], found["errors"]) == (["a_dag", *ours, "z_dag"], {})


def test_a_task_finds_all_it_needs(stranger):
    """A task that tells people works when `tasks` and `dags` are theirs again: here, as far as its connection."""
    site = stranger.parent / "home" / "like_for_like"
    site.mkdir(parents=True)
    (site / "site.toml").write_text(f"[notifications]\n{HOOK}")
    store = (stranger.parent / "store").as_uri()
    assert python(stranger, TELL, WORKFLOW_CONFIG="", STORE=store).startswith(
        "AirflowFailException: connection: expected an Airflow connection named 'nowhere'"
    )


def test_importing_it_changes_nothing(stranger):
    """The package alone imports nothing of ours and leaves Python's path as it was."""
    code = """
import sys
before, path = set(sys.modules), list(sys.path)
import like_for_like
new = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(new), sys.path == path)
"""
    assert python(stranger, code) == "['like_for_like'] True"


def test_the_plugin_takes_no_name(stranger):
    """The web server loads the report's page, and `tasks` and `dags` mean there what they meant before."""
    code = """
import sys, like_for_like
page = like_for_like.ReportPlugin
import dags, tasks.own
assert like_for_like.ReportPlugin is page
print(page.name, tasks.own.NAME, sorted(name for name in sys.modules if name.startswith(("tasks", "dags"))))
"""
    assert python(stranger, code) == "comparison_report their tasks ['dags', 'tasks', 'tasks.own']"


def test_there_is_nothing_else_in_it(stranger):
    """A mistyped name is an ordinary ImportError."""
    code = """
try:
    from like_for_like import compare_models
except ImportError as error:
    print(error)
"""
    assert python(stranger, code).startswith("cannot import name 'compare_models' from 'like_for_like'")


def test_a_wrong_setting_is_one_dags_import_error(stranger):
    """What is wrong in `site.toml` is told for our file, and their DAGs are read all the same."""
    site = stranger.parent / "home" / "like_for_like"
    site.mkdir(parents=True)
    (site / "site.toml").write_text('[orchestration]\nrunner = "slurm"\n')
    code = READ.replace('bag.dags["compare_image_models"].fileloc', "0")
    found = json.loads(python(stranger, code, WORKFLOW_CONFIG=""))
    assert found["dags"] == ["a_dag", "z_dag"]
    ((file, error),) = found["errors"].items()
    assert file.endswith("ours.py")
    assert "runner: expected one of docker, kubernetes, local; received 'slurm'" in error


def test_no_function_imports_ours_when_it_is_called():
    """By the time a task runs or a page is asked for, `tasks` and `dags` may be a stranger's."""
    files = sorted((PROJECT / "dags").rglob("*.py"))
    functions = [
        (file.name, node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 50
    late = [
        (name, function.name, ast.unparse(node))
        for name, function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and re.match(r"(from|import) (tasks|dags)\b", ast.unparse(node))
    ]
    assert late == []
