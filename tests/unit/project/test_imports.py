import subprocess
import sys
from pathlib import Path

from tasks.project import PROJECT


def test_the_import_rules_hold():
    """Every contract of pyproject.toml is kept: who may import whom, and no arrow back up."""
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout
    assert "0 kept" not in done.stdout


def test_a_broken_rule_is_seen(tmp_path):
    """The check can fail: a stage that imports boto3 and work that imports Airflow are reported."""
    for folder in ("tasks", "dags"):
        subprocess.run(["cp", "-r", PROJECT / folder, tmp_path], check=True)
    (tmp_path / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    (tmp_path / "tasks" / "stages" / "bad.py").write_text("import boto3\nimport airflow\n")
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "tasks.stages.bad -> boto3" in done.stdout
    assert "tasks.stages.bad -> airflow" in done.stdout
