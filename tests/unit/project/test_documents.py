"""The documents say what is so: their commands, links, paths and settings exist.

Every check reads a `Tree`, which is this project or a small broken one: each check is shown to fail.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, get_args

import pytest

from tasks.project import PROJECT

README_LINES = 150
# What a document names and nobody commits: a site writes the first, `make stack` the second.
NOT_TRACKED = {"config/site.toml", "config/site", "docker/secrets"}
SCHEMES = ("http://", "https://", "mailto:")
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(\s*([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)=\"([^\"]+)\"", re.MULTILINE)
MODULE = re.compile(r"python[\d.]*\s+-m\s+([A-Za-z_][\w.]*\w)")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
TARGET = re.compile(r"[a-z][a-z0-9_-]*")
PLACEHOLDER = re.compile(r"[*?{}<>$\[\]]|\.\.\.|[A-Z]{3,}")


class Tree(NamedTuple):
    """A project's folder, and the files in it that are tracked, as relative POSIX paths."""

    root: Path
    files: frozenset[str]

    @property
    def folders(self) -> set[str]:
        """Every folder that holds a tracked file."""
        return {str(parent) for file in self.files for parent in PurePosixPath(file).parents} - {"."}

    def documents(self) -> dict[str, str]:
        """The text of every Markdown file, by its path."""
        names = sorted(file for file in self.files if file.endswith(".md"))
        return {name: (self.root / name).read_text(encoding="utf-8") for name in names}

    def has(self, path: str) -> bool:
        """Whether a tracked file, or a folder that holds one, is there."""
        return path in self.files or path in self.folders


@pytest.fixture(scope="module")
def project() -> Tree:
    """This project, as git knows it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    tree = Tree(PROJECT, frozenset(name for name in listed.split("\0") if name and (PROJECT / name).exists()))
    assert len(tree.documents()) > 5
    return tree


def code_lines(text: str) -> Iterator[str]:
    """The lines of the code blocks, indented or fenced, and the inline code."""
    prose, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith(("    ", "\t")):
            yield line.strip()
        else:
            prose.append(line)
    yield from inline("\n".join(prose))


def inline(text: str) -> Iterator[str]:
    """The inline code, each on one line; a block's indented lines are none."""
    paragraphs = "\n".join(line for line in text.splitlines() if not line.startswith(("    ", "\t", "```")))
    yield from (" ".join(found[2].split()) for found in SPAN.finditer(paragraphs))


def made(line: str) -> Iterator[str]:
    """The targets of the `make` commands in a line of code; a comment ends a command."""
    for command in re.split(r"&&|\|\||[;|]", line.partition("#")[0]):
        words = command.split()
        while words and ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words[:1] == ["make"]:
            yield from (word for word in words[1:] if not ASSIGNMENT.match(word) and TARGET.fullmatch(word))


def targets(makefile: str) -> set[str]:
    """The names of the rules in a Makefile."""
    return {
        name
        for line in makefile.splitlines()
        for name in line.partition(":")[0].split()
        if re.match(r"[a-z][\w -]*:(?!=)", line)
    }


def unknown_targets(tree: Tree) -> list[str]:
    """Every `make TARGET` of the documents that the Makefile does not have."""
    known = targets((tree.root / "Makefile").read_text(encoding="utf-8"))
    return [
        f"{name}: make {target}"
        for name, text in tree.documents().items()
        for line in code_lines(text)
        for target in made(line)
        if target not in known
    ]


def without_code(text: str) -> str:
    """The text without its code: what looks like a link in there is none."""
    lines = [line for line in text.splitlines() if not line.startswith(("    ", "\t"))]
    return SPAN.sub(lambda found: "`" + "x" * len(found[2]) + "`", "\n".join(lines))


def headings(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    anchors: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and (found := re.match(r"#{1,6}\s+(.*?)\s*#*$", line)):
            slug = re.sub(r"[^\w\- ]", "", found[1].lower()).replace(" ", "-")
            count = sum(
                anchor == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", anchor) is not None for anchor in anchors
            )
            anchors.append(f"{slug}-{count}" if count else slug)
    return set(anchors)


def broken_links(tree: Tree) -> list[str]:
    """Every relative link or picture that leads to no tracked file or folder, or to a heading that is not there."""
    documents, broken = tree.documents(), []
    for name, text in documents.items():
        for found in LINK.finditer(without_code(text)):
            link = next(filter(None, found.groups()))
            if link.startswith(SCHEMES):
                continue
            path, _, anchor = link.partition("#")
            target = _joined(PurePosixPath(name).parent, path) if path else name
            if not tree.has(target) or (anchor and anchor not in headings(documents.get(target, ""))):
                broken.append(f"{name}: {link}")
    return broken


def _joined(folder: PurePosixPath, link: str) -> str:
    parts: list[str] = []
    for part in (folder / link).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def unknown_modules(tree: Tree) -> list[str]:
    """Every `python -m MODULE` that is neither in the tree nor a module of Python or of an installed package."""
    return [
        f"{name}: python -m {module}"
        for name, text in tree.documents().items()
        for module in MODULE.findall(text)
        if not _is_module(tree, module)
    ]


def _is_module(tree: Tree, module: str) -> bool:
    top, path = module.partition(".")[0], module.replace(".", "/")
    if top in tree.folders:
        return f"{path}.py" in tree.files or f"{path}/__main__.py" in tree.files
    return top == "pip" or top in sys.stdlib_module_names or importlib.util.find_spec(top) is not None


def unknown_paths(tree: Tree) -> list[str]:
    """Every path of the repository in inline code that is not there; one with a placeholder or wildcard is none."""
    tops = {folder for folder in tree.folders if "/" not in folder}
    return [
        f"{name}: {word}"
        for name, text in tree.documents().items()
        for span in inline(text)
        for word in (part.strip("'\",;:()") for part in span.split())
        if "/" in word and word.partition("/")[0] in tops and not PLACEHOLDER.search(word.replace("README", ""))
        if not tree.has(word.rstrip("/")) and word.rstrip("/") not in NOT_TRACKED
    ]


def described(text: str) -> set[str]:
    """The full names of the settings in a document: the tables that a heading names, and the first cells below it."""
    found: set[str] = set()
    tables: list[str] = []
    for line in text.splitlines():
        if re.match(r"##\s", line):
            spans = [span[2] for span in SPAN.finditer(line)]
            tables = [span.strip("[]").removesuffix(".toml").replace("/", ".") for span in spans]
        elif tables and (cell := re.match(r"\| `([a-z_][a-z_.0-9]*)` \|", line)):
            found |= {f"{table}.{cell[1]}" for table in tables}
    return found


def settings(model: Any, table: str = "") -> Iterator[str]:
    """The full names of a pydantic model's settings; NAME stands for the names that a user gives."""
    for name, field in model.model_fields.items():
        inner = list(_models(field.annotation))
        named = getattr(field.annotation, "__origin__", None) is dict
        path = f"{table}.{name}{'.NAME' if named and inner else ''}".lstrip(".")
        for each in inner:
            yield from settings(each, path)
        if not inner:
            yield path


def _models(annotation: Any) -> Iterator[Any]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def test_every_make_target_in_the_documents_exists(project):
    """Whatever a document tells a person to make, the Makefile can make."""
    assert unknown_targets(project) == []


def test_every_link_leads_somewhere(project):
    """A relative link or picture leads to a tracked file, and an anchor to a heading."""
    assert broken_links(project) == []


def test_every_module_in_the_documents_exists(project):
    """Whatever a document runs with `python -m` is there."""
    assert unknown_modules(project) == []


def test_every_path_in_the_documents_exists(project):
    """A path of the repository that a document names in code is a tracked file or folder."""
    assert unknown_paths(project) == []


def test_the_readme_is_short(project):
    """The README has at most 150 lines."""
    assert len(project.documents()["README.md"].splitlines()) <= README_LINES


def test_every_setting_is_described(project):
    """config/README.md describes every setting of the configuration, and none that does not exist."""
    from tasks.settings.loading import EXTENSIONS, Configuration

    # Nobody writes these into a TOML: they are found out from the files.
    known = set(settings(Configuration)) - {*EXTENSIONS, "datasets.NAME.name", "unusable"}
    assert len(known) > 50
    assert described(project.documents()["config/README.md"]) == known


def broken(folder: Path, files: Iterable[tuple[str, str]]) -> Tree:
    """A small project of these files."""
    for name, text in (("Makefile", "VALUE := 1\nrun test: setup ## work\nsetup:\n"), *files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Tree(folder, frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))


def test_a_wrong_make_target_is_seen(tmp_path):
    """Inline, in a block, after a variable and in a chain; prose, values and comments are no targets."""
    text = (
        "You make sure of it. `make run PROFILE=x` and `A=1 make\ntset`\n\n"
        "    make setup && make tidy   # make more\n\n```\nmake -s test walk\n```\n"
    )
    assert unknown_targets(broken(tmp_path, [("a.md", text)])) == [
        "a.md: make tidy",
        "a.md: make walk",
        "a.md: make tset",
    ]


def test_a_wrong_link_is_seen(tmp_path):
    """A missing file, picture, folder or heading; what stands in code, and the world outside, is left alone."""
    text = (
        "[ok](docs/b.md#the-heading-1) [ok](docs/) [out](https://example.org/x) `[code](none.md)` [self](#top)\n"
        "[gone](c.md) ![picture](p.png) [anchor](docs/b.md#other) [ref]\n\n# Top\n\n[ref]: docs/d.md\n"
    )
    b = "[up](../a.md)\n## The `heading`\n## The heading\n```\n# other\n```\n[out](../../a.md)\n"
    assert broken_links(broken(tmp_path, [("a.md", text), ("docs/b.md", b)])) == [
        "a.md: c.md",
        "a.md: p.png",
        "a.md: docs/b.md#other",
        "a.md: docs/d.md",
        "docs/b.md: ../../a.md",
    ]


def test_a_wrong_module_is_seen(tmp_path):
    """A module or a package that can be run is there; a package without `__main__` cannot be run."""
    text = "python -m work, `.venv/bin/python -m work.one`, python3 -m venv; python -m work.two python -m nowhere.at"
    files = [("a.md", text), ("work/one.py", ""), ("work/__main__.py", ""), ("work/two/__init__.py", "")]
    assert unknown_modules(broken(tmp_path, files)) == ["a.md: python -m work.two", "a.md: python -m nowhere.at"]


def test_a_wrong_path_is_seen(tmp_path):
    """In inline code, alone or in a command; placeholders, wildcards and other folders are left alone."""
    text = "`work/one.py` `work/` `work/NAME.py` `work/*.py` `other/x` work/prose `run work/two.py` `work/gone/`\n"
    files = [("a.md", text), ("work/one.py", "")]
    assert unknown_paths(broken(tmp_path, files)) == ["a.md: work/two.py", "a.md: work/gone/"]


def test_a_setting_without_a_description_is_seen():
    """A name counts under the table that its heading names, and nowhere else."""
    from pydantic import BaseModel

    class Inner(BaseModel):
        size: int
        tags: tuple[str, ...] = ()

    class Outer(BaseModel):
        one: Inner
        many: dict[str, Inner]
        plain: dict[str, str]

    known = {"one.size", "one.tags", "many.NAME.size", "many.NAME.tags", "plain"}
    assert set(settings(Outer)) == known
    text = (
        "## `[one]` and `[many.NAME]`\n| key |\n|---|\n| `size` | x |\n"
        "## Other\n| `tags` | x |\n## `many/NAME.toml`\n| `tags` |\n"
    )
    assert described(text) == {"one.size", "many.NAME.size", "many.NAME.tags"}
