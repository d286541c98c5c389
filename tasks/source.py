"""The digest of the code that a stage runs: the source text of its module and of every `tasks` module below it."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def code_digest(modules: Iterable[str]) -> str:
    """SHA-256 over the source of `modules` and all that they import from `tasks`, wherever the import stands.

    The text alone counts, so the digest is the same inside a container image and outside.
    """
    digest = hashlib.sha256()
    for module in sorted(_closure(modules)):
        digest.update(f"{module}\n".encode() + _path(module).read_bytes())
    return digest.hexdigest()


def _closure(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(_path(module)))
    return found


def _imports(path: Path) -> Iterator[str]:
    """The `tasks` modules that a file names in import statements, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("tasks.") and _path(name).is_file())


def _path(module: str) -> Path:
    plain = PROJECT.joinpath(*module.split("."))
    return plain / "__init__.py" if plain.is_dir() else plain.with_suffix(".py")
