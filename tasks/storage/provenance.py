"""Where a result comes from: the code that computed it, the library releases, the lock file, the kind of machine."""

import ast
import hashlib
import io
import os
import platform
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from itertools import chain
from pathlib import Path

from tasks.project import PROJECT

GPUS = Path("/proc/driver/nvidia/gpus")  # a folder for each of NVIDIA's, with its facts
CPUS = Path("/proc/cpuinfo")
# The instructions by which oneDNN, TensorFlow and XLA choose their kernels, as Linux names them: those of x86, of ARM.
# https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html
INSTRUCTIONS = (
    *("sse4_1", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile"),
    *("asimd", "asimddp", "bf16", "sve", "sve2"),
)
# The libraries that shape numbers, by the name that code imports: the distributions that offer them.
LIBRARIES = {
    "PIL": ("pillow",),
    "keras": ("keras",),
    "keras_tuner": ("keras-tuner",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "jax": ("jax",),
    "torch": ("torch",),
    "numpy": ("numpy",),
    "sklearn": ("scikit-learn",),
    "scipy": ("scipy",),
    "pandas": ("pandas",),
}
# No result depends on these modules. They read a request, store data, run a stage, or download and name files. The
# settings that a stage uses are in its key by value. The files that it downloads are checked by digest.
NOT_COMPUTING = (
    "tasks.environment",
    "tasks.errors",
    "tasks.project",
    "tasks.settings",
    "tasks.storage",
    "tasks.runs",
    "tasks.data.sources",
    "tasks.data.given",
)


def code_digest(modules: Iterable[str], project: Path = PROJECT) -> str:
    """SHA-256 over the code of `modules` and all that they import from `tasks`, without NOT_COMPUTING.

    Comments, docstrings and blank lines do not count. The digest is of the text, not of the syntax tree, which differs
    between releases of Python. So it is the same inside a container image and outside.
    """
    digest = hashlib.sha256()
    for module in sorted(computing_modules(modules, project)):
        digest.update(f"{module}\n{_code(_text(module, project))}".encode())
    return digest.hexdigest()


def computing_modules(modules: Iterable[str], project: Path = PROJECT) -> set[str]:
    """`modules` and all that they import from `tasks`, inside functions too, without NOT_COMPUTING."""
    computing: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in computing and not _is_within(module, NOT_COMPUTING):
            computing.add(module)
            waiting.extend(_imports(module, project))
    return computing


def _is_within(module: str, packages: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _imports(module: str, project: Path) -> Iterator[str]:
    """The `tasks` modules that a module names in import statements."""
    return (name for name in _imported(module, project) if name.startswith("tasks.") and _path(name, project).is_file())


def _imported(module: str, project: Path) -> Iterator[str]:
    """Everything that a module names in import statements, inside functions too."""
    for node in ast.walk(_tree(_text(module, project))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def computing_libraries(modules: Iterable[str], backend: str, project: Path = PROJECT) -> dict[str, str]:
    """The releases, as MAJOR.MINOR, of the LIBRARIES that `modules` and all that they import compute with.

    Keras computes with its `backend`. Builds of a library for CPUs and for GPUs have one name.
    """
    imported = (name for module in computing_modules(modules, project) for name in _imported(module, project))
    roots = {name.partition(".")[0] for name in imported}
    used = roots | ({backend} if "keras" in roots else set())
    found = {library: _release(LIBRARIES[library]) for library in sorted(used & LIBRARIES.keys())}
    return {LIBRARIES[library][-1]: release for library, release in found.items() if release}


def _release(distributions: Iterable[str]) -> str | None:
    """MAJOR.MINOR of the first of these distributions that is installed."""
    for name in distributions:
        with suppress(metadata.PackageNotFoundError):
            return ".".join(metadata.version(name).split(".")[:2])
    return None


def _path(module: str, project: Path) -> Path:
    plain = project.joinpath(*module.split("."))
    return plain / "__init__.py" if plain.is_dir() else plain.with_suffix(".py")


def _text(module: str, project: Path) -> str:
    return _path(module, project).read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@lru_cache(maxsize=256)
def _code(text: str) -> str:
    """`text` without comments, docstrings and blank lines; other strings stay as they are."""
    lines = text.splitlines()
    docstrings, strings = _multiline(text)
    for row, column in _comments(text):
        lines[row] = lines[row][:column]
    kept = (row for row, line in enumerate(lines) if row not in docstrings and (row in strings or line.strip()))
    return "\n".join(lines[row] if row in strings else lines[row].rstrip() for row in kept)


def _multiline(text: str) -> tuple[set[int], set[int]]:
    """The lines, from 0, of all docstrings, and of all other strings. Nothing else stands on a docstring's lines."""
    docstrings: set[int] = set()
    strings: set[int] = set()
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                docstrings |= _rows(node.body[0])
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            strings |= _rows(node)
    return docstrings, strings


def _rows(node: ast.stmt | ast.expr) -> set[int]:
    return set(range(node.lineno - 1, node.end_lineno or node.lineno))


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Line and column, from 0, of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0] - 1, token.start[1]


def versions() -> dict[str, str]:
    """The installed releases of everything that can change a result."""
    releases = {"python": platform.python_version()}
    for name in chain.from_iterable(LIBRARIES.values()):
        with suppress(metadata.PackageNotFoundError):
            releases[name] = metadata.version(name)
    return releases


def lock_digest() -> str | None:
    """SHA-256 of `uv.lock`, or None where that file is missing, as in a container image."""
    lock = PROJECT / "uv.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else None


def machine() -> dict[str, str]:
    """The kind of this machine, with its GPUs where it has some; its name is left out.

    `instructions` are those by which a library chooses its kernels, where Linux tells them.
    """
    processors = _values(CPUS, "model name") or [platform.machine()]
    gpus = ", ".join(chain.from_iterable(_values(path, "Model") for path in sorted(GPUS.glob("*/information"))))
    facts = {"system": platform.platform(), "processor": processors[0], "cores": str(cores())}
    found = {"instructions": _instructions(), "gpu": gpus}
    return facts | {name: value for name, value in found.items() if value}


def _instructions() -> str:
    """Those of INSTRUCTIONS that the first processor has; nothing where Linux does not tell."""
    offered = _values(CPUS, "flags") or _values(CPUS, "Features") or [""]
    return " ".join(name for name in INSTRUCTIONS if name in offered[0].split())


def _values(facts: Path, name: str) -> list[str]:
    """The values of the lines "name: value" of a file, where Linux has it."""
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
