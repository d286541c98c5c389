"""A Python that lacks packages: it finds all that this one has, by links, but not those."""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from os import environ
from pathlib import Path

from tasks.project import PROJECT
from tests.support.patience import PATIENCE
from tests.support.stage_commands import Typed

INSTALLED = Path(sysconfig.get_path("purelib"))


def without(folder: Path, *missing: str) -> Path:
    """A new folder of links to the installed packages, less those of which a module or a distribution is so named."""
    folder.mkdir()
    for entry in INSTALLED.iterdir():
        if re.split("[-.]", entry.name)[0] not in missing:
            (folder / entry.name).symlink_to(entry)
    return folder


def lacking(packages: Path, environment: Mapping[str, str], *arguments: str) -> Typed:
    """`python -m tasks ARGUMENTS`, with the packages of that folder and the standard library alone."""
    line = [sys.executable, "-S", "-m", "tasks", *arguments]
    place = {"cwd": PROJECT, "env": {**environ, **environment, "PYTHONPATH": str(packages)}, "timeout": PATIENCE}
    done = subprocess.run(line, capture_output=True, text=True, check=False, **place)
    return Typed(done.returncode, done.stdout + done.stderr)
