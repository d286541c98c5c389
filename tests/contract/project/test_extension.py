"""To add a dataset, a family, a format or a runner is to add one file: nothing else changes, and no test breaks."""

import os
import shutil
import subprocess
import sys

import pytest

from tasks.project import PROJECT
from tests.support.patience import PATIENCE

# A file of each kind under a new name, made from one that is there; the new dataset is of the new format.
FILES = {
    "config/datasets/mine.toml": "config/datasets/fashion_mnist.toml",
    "tasks/models/linear.py": "tasks/models/ann.py",
    "tasks/data/formats/raw.py": "tasks/data/formats/idx.py",
    "dags/runners/bare.py": "dags/runners/local.py",
}
STRUCTURE = ("tests/contract/dags/test_compare_image_models.py", "tests/contract/dags/test_trigger_form.py")
STRUCTURE += ("tests/unit/settings", "tests/contract/dags/test_added.py")
ADDED = """
from airflow.dag_processing.dagbag import DagBag

from dags.trigger_form import trigger_form
from tasks.project import PROJECT
from tasks.settings.loading import load_configuration


def test_what_was_added_is_in_the_configuration_the_form_and_the_dag(monkeypatch):
    monkeypatch.setenv("RUNNER", "bare")
    config = load_configuration()
    assert config.datasets["mine"].reader == "raw"
    assert ("linear" in config.families, "raw" in config.formats, "bare" in config.runners) == (True, True, True)
    form = trigger_form(config)
    assert form["datasets"].resolve(["mine"]) == ["mine"]
    assert form["families"].resolve(["linear"]) == ["linear"]
    bag = DagBag(PROJECT / "dags")
    assert bag.import_errors == {}
    dag = bag.dags["compare_image_models"]
    names = ["mine.fetch", "mine.train_linear", "mine.train_cnn", "cifar10.evaluate_linear"]
    assert {type(dag.get_task("plan")).__module__} == {"dags.runners.bare"}
    assert all(dag.has_task(name) for name in names)
"""


@pytest.fixture
def extended(tmp_path):
    """A copy of the project with one file more of each kind."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".*", "__pycache__", "reports"))
    for new, old in FILES.items():
        shutil.copy(project / old, project / new)
    toml = project / "config" / "datasets" / "mine.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('reader = "idx"', 'reader = "raw"'), encoding="utf-8")
    (project / "tests" / "contract" / "dags" / "test_added.py").write_text(ADDED, encoding="utf-8")
    return project


def test_one_file_adds_a_dataset_a_family_a_format_or_a_runner(extended):
    """In a copy with one file more of each, the tests of DAG, form and settings pass, and the new names are there."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *STRUCTURE]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "RUNNER")}
    place = {"cwd": extended, "env": environment, "timeout": PATIENCE}
    asked = subprocess.run(line, capture_output=True, text=True, check=False, **place)
    assert asked.returncode == 0, asked.stdout
    assert "failed" not in asked.stdout.splitlines()[-1]
