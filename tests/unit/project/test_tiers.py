"""Every test has one tier, `make test-all` runs every tier, and the unit tier starts nothing heavy."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.project import PROJECT
from tests.support.tiers import HEAVY, TESTS, TIERS

MODULES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))

COSTLY = """
import pathlib

import pytest


@pytest.fixture
def costly(tmp_path_factory):
    pathlib.Path(__file__).with_name("begun").touch()


def test_it(costly):
    pass
"""


def recipe(target: str) -> str:
    """What `make TARGET` would do."""
    line = ["make", "--no-print-directory", "--dry-run", target]
    return subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def pytests(target: str) -> list[list[str]]:
    """The arguments of each pytest that `make TARGET` would start."""
    return [line.split()[3:] for line in recipe(target).splitlines() if " -m pytest " in line]


def paths(arguments: list[str]) -> set[str]:
    """The files and folders that a pytest is asked to run."""
    ignored = {arguments[place + 1] for place, word in enumerate(arguments) if word == "--ignore"}
    return {word for word in arguments if word.startswith("tests/")} - ignored


def test_every_test_lies_in_one_tier():
    """No file with tests is outside of the tiers' folders, and no tier is empty."""
    assert {name.partition("/")[0] for name in MODULES} == set(TIERS)


def test_no_test_hides_in_a_file_that_is_not_collected():
    """A function that pytest would take for a test stands in a file whose name begins with `test_`."""
    others = [path for path in TESTS.rglob("*.py") if not path.name.startswith("test_")]
    hidden = [
        f"{path.relative_to(TESTS)}: {node.name}"
        for path in others
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(others) > 20
    assert hidden == []


def test_make_test_all_runs_every_tier():
    """What `make test-all` starts covers the folder of every tier, and all that `make test` starts."""
    everything = set().union(*map(paths, pytests("test-all")))
    assert {f"tests/{tier}" for tier in TIERS} <= everything
    assert set().union(*map(paths, pytests("test"))) <= everything


def test_what_make_test_all_leaves_out_once_it_runs_elsewhere():
    """What one pytest ignores is what another one runs; what needs a whole machine, `make test-engine` runs."""
    commands = pytests("test-all")
    ignored = {words[place + 1] for words in commands for place, word in enumerate(words) if word == "--ignore"}
    machinery = set().union(*map(paths, pytests("test-engine")))
    assert machinery == {f"tests/engine/{name}" for name in ("stack", "workers", "bucket", "cluster")}
    assert ignored == {"tests/workflow/test_first_run.py"} | machinery
    assert ignored - machinery <= set().union(*map(paths, commands))
    assert all((PROJECT / name).exists() for name in ignored)


def test_make_test_starts_unit_contract_and_one_run():
    """The tiers without Airflow run in parallel, file by file; what starts it runs alone."""
    commands = pytests("test")
    assert [paths(words) for words in commands] == [
        {"tests/unit"},
        {"tests/contract"},
        {"tests/workflow/test_first_run.py"},
    ]
    for words in pytests("test-all"):
        parallel = paths(words) <= {"tests/unit", "tests/contract"}
        assert ("-n" in words) == parallel, words
        assert ("--dist loadfile" in " ".join(words)) == parallel, words


def test_pytest_itself_starts_no_workers():
    """A test starts a pytest of its own, which must not start workers of its own: no `-n` in the project's options."""
    options = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert not re.search(r"(^|\s)(-n|--numprocesses|--dist)\b", options["addopts"])


def test_ci_runs_every_tier_and_skips_none():
    """CI's last command is `make test-all`, where a missing container engine is an error."""
    commands = (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert commands[-1] == "REQUIRE_ENGINE=1 make test-all"
    assert "make check" in commands


def test_collecting_the_unit_tier_imports_nothing_heavy():
    """The unit tier's modules import neither TensorFlow, Keras, Airflow nor Swift; its tests are watched one by one."""
    names = [f"tests.{name[:-3].replace('/', '.')}" for name in MODULES if name.startswith("unit/")]
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
    code += f"print({HEAVY} & sys.modules.keys())"
    asked = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert len(names) > 30
    assert asked.stdout.strip() == "set()"


TOOLS = ["ruff check", "ruff format", "mypy", "lint-imports", "codespell", "check-toml", "check-yaml"]


@pytest.mark.parametrize("name", TOOLS)
def test_the_hooks_of_a_commit_are_those_of_make_check(name):
    """Whatever `make check` refuses, `pre-commit` refuses before: both start the same tools."""
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    entries = [hook["entry"] for repository in hooks for hook in repository["hooks"]]
    assert sum(f"/{name}" in entry for entry in entries) == 1
    assert len(entries) == len(TOOLS)
    assert re.search(rf"(/| -m ){name}( |$)", recipe("check"), re.MULTILINE)


def test_no_test_has_a_patience_of_its_own():
    """Every wait for something slow is bounded by the one generous constant, and no example is timed."""
    found = [f"{path.name}: {limit}" for path in sorted(TESTS.rglob("*.py")) for limit in _own_limits(path)]
    assert found == ["conftest.py: deadline=None", "fuzz.py: deadline=None"]


def _own_limits(path: Path) -> Iterator[str]:
    """The arguments in a file that say how long something may take, other than PATIENCE and what is about a second."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg in {"timeout", "deadline"}:
            names = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
            numbers = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
            if "PATIENCE" not in names and any(number is None or number > 1 for number in numbers):
                yield ast.unparse(node)


@pytest.mark.parametrize(("end", "outcome"), [("1", "1 skipped"), ("9e9", "1 passed"), ("", "1 passed")])
def test_what_has_not_begun_in_time_is_skipped(tmp_path, end, outcome):
    """A CI with a time limit ends in time: no fixture begins either, and the log says which tests were left out."""
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(COSTLY)
    line = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    environment = os.environ | {"TESTS_END": end, "PYTHONPATH": str(PROJECT)}
    run = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert outcome in run.stdout
    assert ("TESTS_END" in run.stdout) == (end == "1")
    assert (tmp_path / "begun").exists() == (end != "1")
