"""The Makefile explains itself."""

import os
import re
import subprocess

import pytest

from tasks.project import PROJECT

OTHERS = {
    "CDPATH": "/", "CONDA_PREFIX": "/other", "VIRTUAL_ENV": "/other", "PIP_USER": "1", "PIP_TARGET": "/other",
    "PYTHONHOME": "/other", "PYTHONOPTIMIZE": "2", "PYTHONPATH": "/other", "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "/x.py", "PYTHONWARNINGS": "error", "UV_LOCKED": "1", "UV_NO_SYNC": "1",
    "UV_PROJECT_ENVIRONMENT": "/other", "UV_PYTHON": "2.7",
}  # fmt: skip
KEPT = {"PYTHONIOENCODING": "latin-1", "UV_DEFAULT_INDEX": "https://example.org/simple", "UV_HTTP_TIMEOUT": "9"}


def said(*arguments):
    """What `make` prints."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout


def test_make_alone_lists_every_target_with_what_it_does():
    """A line each, with a sentence, and an indented line for long options; nothing is installed or started for it."""
    lines = said().splitlines()
    assert lines == said("help").splitlines()
    assert max(map(len, lines)) <= 120
    listed = dict(line.removeprefix("make ").split(maxsplit=1) for line in lines if not line.startswith(" "))
    (public,) = re.findall(r"^\.PHONY: (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(listed) == set(public.split())
    assert all(len(words.split()) > 1 for words in listed.values()), listed


@pytest.fixture
def probed(tmp_path):
    """The project's Makefile with a few targets more: what `make ARGUMENTS` says in a shell with more variables."""
    targets = (
        "probe: ; @env\n"
        "both: first second\n"
        "first second: ; @mkdir busy && sleep 0.2 && rmdir busy\n"
        "python: ; @echo $(PYTHON)\n"
    )
    (tmp_path / "Makefile").write_text((PROJECT / "Makefile").read_text() + targets)

    def make(*arguments, **variables):
        line = ["make", "--no-print-directory", *arguments]
        environment = dict(os.environ) | variables
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    return make


def test_what_the_shell_says_to_other_projects_does_not_count(probed):
    """Another project's Python, environment and options of uv and pip reach nothing; indexes and the network's stay."""
    found = dict(line.split("=", 1) for line in probed("probe", **OTHERS, **KEPT).splitlines() if "=" in line)
    assert found.keys().isdisjoint(OTHERS)
    assert found.items() >= KEPT.items()


@pytest.mark.parametrize("flags", ["-j8", "-ej8"])
def test_flags_of_the_shell_neither_mix_targets_nor_change_the_interpreter(probed, flags):
    """MAKEFLAGS from the shell: targets run one after the other, by the project's own interpreter."""
    probed("both", MAKEFLAGS=flags)
    assert probed("python", MAKEFLAGS=flags, PYTHON="/other/python") == ".venv/bin/python\n"
