"""Like for Like, installed: a line `from like_for_like import compare_image_models` in a file of a dags folder.

In the wheel this file is the package `like_for_like`, and `tasks`, `dags` and `config` lie in it. Importing the package
changes nothing. Its names are made when somebody asks for them. Only then, and only until they are made, `tasks`
and `dags` are the packages in here: a dags folder may have packages of these names, which nobody is to lose.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = str(Path(__file__).parent)
PACKAGES = ("tasks", "dags")
OFFERED = {
    "compare_image_models": ("dags.compare_image_models", "dag"),
    "promote_champion": ("dags.promote_champion", "dag"),
    "late_runs": ("dags.late_runs", "dag"),  # None where a run may take any time
    "watch_data": ("dags.watch_data", "dag"),  # None where no dataset can change
    "ReportPlugin": ("dags.plugins.report_page", "ReportPlugin"),
}
_imported: dict[str, ModuleType] = {}


def __getattr__(name: str) -> Any:  # https://peps.python.org/pep-0562/
    """One of OFFERED.

    Raises:
        AttributeError: it is none of them.
        RequestError: the configuration is wrong.
    """
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = OFFERED[name]
    with _packages_of_ours():
        return getattr(importlib.import_module(module), attribute)


@contextmanager
def _packages_of_ours() -> Iterator[None]:
    """During the block the names of PACKAGES mean the packages in here; after it, what they meant before."""
    theirs = _taken_out()
    sys.modules.update(_imported)
    sys.path.insert(0, FOLDER)
    try:
        yield
    finally:
        sys.path.remove(FOLDER)
        _imported.update(_taken_out())
        sys.modules.update(theirs)


def _taken_out() -> dict[str, ModuleType]:
    """The modules of PACKAGES that are imported now; they are not any more."""
    names = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    return {name: sys.modules.pop(name) for name in names}
