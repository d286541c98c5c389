"""Which edit moves which stage's key: the table in tasks/README.md, computed from copies of the code."""

import importlib
import re
import shutil

import pytest

from tasks.project import PROJECT
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.settings.workflow import STAGES
from tasks.storage import provenance
from tasks.storage.provenance import code_digest, computing_libraries
from tests.support.tiny_data import make_configuration

KEYED = [name for name in STAGES if name not in ("plan", "report")]
CODE, COMMENT = "\n\nEDITED = 1\n", "\n\n# Edited.\n"
RELEASE = re.compile(r"\| a new (?P<part>minor|patch) release of `(?P<name>[\w-]+)` \|(?P<cells>.+)\|")
ROW = re.compile(r"\| (?P<what>[^`|]*)`(?P<path>tasks/[^`]+|dags/[^`]+)`(?P<rest>[^|]*)\|(?P<cells>.+)\|")


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    """A run over two formats and two families."""
    config = load_configuration(make_configuration(tmp_path_factory.mktemp("keys") / "config"))
    return resolve(config, Parameters(profile="smoke"), "keys")


def documented():
    """The rows of the table: what is edited, and the cell of each stage."""
    text = (PROJECT / "tasks" / "README.md").read_text(encoding="utf-8")
    found = [ROW.match(line) for line in text.splitlines()]
    return [
        (row["path"], "comment" in row["what"], [cell.strip() for cell in row["cells"].split("|")])
        for row in found
        if row
    ]


def documented_releases():
    """The rows of the libraries: the distribution, which part of its release is new, and the cell of each stage."""
    text = (PROJECT / "tasks" / "README.md").read_text(encoding="utf-8")
    rows = RELEASE.finditer(text)
    return [(row["name"], row["part"], [cell.strip() for cell in row["cells"].split("|")]) for row in rows]


def digests(request, project):
    """The code and the libraries of each stage, for every format or family on which it depends."""
    return {name: dict(_by_variant(name, request, project)) for name in KEYED}


def _by_variant(name, request, project):
    stage = importlib.import_module(f"tasks.stages.{name}").STAGE
    for dataset, family in zip(request.datasets, request.families, strict=True):
        variant = dataset.reader if name == "normalize" else family
        modules = (f"tasks.stages.{name}", *stage.modules(request, Place(dataset.name, family)))
        yield variant, (code_digest(modules, project), computing_libraries(modules, request.backend, project))


def cells(before, after):
    """What the table says of each stage: same, changed, or the only formats or families whose key changed."""
    return [_cell(before[name], after[name]) for name in KEYED]


def _cell(before, after):
    moved = [variant for variant in before if before[variant] != after[variant]]
    if not moved:
        return "same"
    return "changed" if len(moved) == len(before) else f"only {', '.join(moved)}"


@pytest.mark.parametrize(("path", "is_comment", "expected"), documented(), ids=lambda value: str(value)[:60])
def test_a_key_moves_only_when_the_work_does(tmp_path, request_, path, is_comment, expected):
    """An edit changes the keys of the stages that the table in tasks/README.md says, and of no others."""
    shutil.copytree(PROJECT / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    before = digests(request_, tmp_path)
    edited = tmp_path / path / "new.py" if path.endswith("/") else tmp_path / path
    text = edited.read_text(encoding="utf-8") if edited.exists() else '"""A new file."""\n'
    edited.parent.mkdir(parents=True, exist_ok=True)
    edited.write_text(text + (COMMENT if is_comment else CODE), encoding="utf-8")
    assert cells(before, digests(request_, tmp_path)) == expected


@pytest.mark.parametrize(("name", "part", "expected"), documented_releases())
def test_a_key_moves_with_the_libraries_that_compute(monkeypatch, request_, name, part, expected):
    """A new minor release of a library moves the keys of the stages that compute with it; a patch moves none."""
    installed = {"major": 1, "minor": 2, "patch": 3}
    monkeypatch.setattr(provenance.metadata, "version", lambda of: ".".join(map(str, installed.values())))
    before = digests(request_, PROJECT)
    newer = installed | {part: 9}
    monkeypatch.setattr(
        provenance.metadata, "version", lambda of: ".".join(map(str, (newer if of == name else installed).values()))
    )
    assert cells(before, digests(request_, PROJECT)) == expected


def test_the_table_names_every_library_that_computes(request_):
    """No library that is in a key is left out of the table."""
    named = {name.removesuffix("-cpu") for name, part, _ in documented_releases() if part == "minor"}
    variants = [variant for stage in digests(request_, PROJECT).values() for variant in stage.values()]
    assert {"keras", "numpy"} <= {library for _, libraries in variants for library in libraries} <= named


def test_the_table_speaks_of_every_package():
    """No package of `tasks` is left out of the table."""
    spoken = {path.split("/")[1] for path, _, _ in documented()}
    packages = {folder.name for folder in (PROJECT / "tasks").iterdir() if (folder / "__init__.py").is_file()}
    assert packages <= spoken
