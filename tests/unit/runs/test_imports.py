"""The import of what computes, without what it can do without; with libraries that stand for the heavy ones."""

import gc
import importlib
import sys

import pytest

from tasks.runs import imports
from tasks.runs.imports import import_lean

BOTH = {"lean_user": "try:\n    import lean_extra\nexcept ImportError:\n    lean_extra = None\n", "lean_extra": ""}


@pytest.fixture(autouse=True)
def _libraries(tmp_path, monkeypatch):
    """A library, and another one that it imports where it is there."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "OPTIONAL", {"tensorflow": ("lean_extra",)})
    for name, text in BOTH.items():
        (tmp_path / f"{name}.py").write_text(text)
    yield
    for name in BOTH:
        sys.modules.pop(name, None)


def _extra():
    return importlib.import_module("lean_user").lean_extra


def test_what_is_optional_is_left_out():
    """It is not imported, although it is installed. Whoever imports it afterwards gets it."""
    import_lean("lean_user", "tensorflow")
    assert _extra() is None
    assert "lean_extra" not in sys.modules
    assert importlib.import_module("lean_extra").__file__


@pytest.mark.parametrize(
    ("backend", "needed"), [("tensorflow", ("lean_extra", "others")), ("jax", ())], ids=["needed", "another backend"]
)
def test_what_is_needed_is_not(backend, needed):
    """A stage names what it needs; and of other backends nothing is known."""
    import_lean("lean_user", backend, needed)
    assert _extra() is sys.modules["lean_extra"]


def test_what_is_imported_already_stays():
    """A library in use does not disappear."""
    used = importlib.import_module("lean_extra")
    import_lean("lean_user", "tensorflow")
    assert _extra() is used is sys.modules["lean_extra"]


def test_an_import_that_fails_leaves_nothing_behind():
    """Garbage is collected again, and nothing is hidden."""
    with pytest.raises(ModuleNotFoundError, match="lean_missing"):
        import_lean("lean_missing", "tensorflow")
    assert gc.isenabled()
    assert "lean_extra" not in sys.modules


def test_garbage_is_looked_for_only_in_what_comes_later(monkeypatch):
    """The import itself runs without the collector, which passes over all that it made."""
    was = gc.get_freeze_count()
    monkeypatch.setitem(BOTH, "lean_user", "")
    seen = []
    monkeypatch.setattr(imports.importlib, "import_module", lambda name: seen.append(gc.isenabled()))
    import_lean("lean_user", "tensorflow")
    assert seen == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > was
    gc.unfreeze()
