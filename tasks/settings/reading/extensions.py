"""Folders with one file a thing, found by its name: a new file is a new family, format or runner.

A file that offers nothing is a helper of the others. Nothing is imported: whoever parses the DAG pays for no library.
"""

import symtable
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of extension: the folder of its files, and the names of which each of them offers at least one."""

    folder: str
    entries: tuple[str, ...]


EXTENSIONS = {
    "families": Kind("tasks/models", ("build",)),
    "formats": Kind("tasks/data/formats", ("read", "samples")),
    "runners": Kind("dags/runners", ("OPERATOR",)),
}


def hint(kind: str) -> str:
    """What makes a file one of that kind; nothing where the kind is no extension."""
    found = EXTENSIONS.get(kind)
    offers = " or ".join(f"`{entry}`" for entry in found.entries) if found else ""
    return f" ({kind} are files of {found.folder}/ that offer {offers})" if found else ""


class Offered(NamedTuple):
    """What a folder offers: the names of its files, and why others cannot be used, by name."""

    names: tuple[str, ...]
    unusable: dict[str, str]


def offered(kind: Kind, project: Path) -> Offered:
    """The extensions of that kind among the files of `project`."""
    names: list[str] = []
    unusable: dict[str, str] = {}
    for path in sorted((project / kind.folder).glob("*.py")):
        if path.stem.startswith("_"):
            continue
        try:
            if not _defined(path).isdisjoint(kind.entries):
                names.append(path.stem)
        except (SyntaxError, ValueError, RecursionError) as error:  # ValueError: a byte that is no text
            line = getattr(error, "lineno", None)
            place = f"{kind.folder}/{path.name}" + (f":{line}" if line else "")
            unusable[path.stem] = f"{place}: expected a Python module, received one that cannot be read ({error})"
    return Offered(tuple(names), unusable)


def _defined(path: Path) -> set[str]:
    """The names that a module's own statements give a value: functions, classes, assignments, imports.

    Nothing is run. (`ast` would do as well, but fails at random in threads of Python 3.11:
    https://github.com/python/cpython/issues/106905.)
    """
    symbols = symtable.symtable(path.read_text(encoding="utf-8"), path.name, "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
