"""The import of the numeric libraries at half of its cost, and the end of their process.

TensorFlow, Keras and Keras Tuner import what they find installed beside them, to draw, to take data or to lend models.
No stage uses that. Python also looks for garbage again and again in the many objects of an import, and once more at the
end of the process. There is none worth the search: modules stay.
"""

import gc
import importlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

# What these libraries import where they find it, and do without where they do not, by Keras' backend. JAX needs SciPy.
OPTIONAL = {"tensorflow": ("IPython", "jax", "matplotlib", "pandas", "scipy", "sklearn")}


def import_lean(module: str, backend: str, needed: Collection[str] = ()) -> None:
    """Import `module`, and the numeric libraries with it, without those of OPTIONAL that are not `needed`.

    Whoever imports one of them later gets it. Where Keras is imported already, this is an import like any other.
    """
    if "keras" in sys.modules:
        importlib.import_module(module)
        return
    with _hidden({*OPTIONAL.get(backend, ())} - {*needed}), _uncollected():
        importlib.import_module(module)


@contextmanager
def _hidden(libraries: Collection[str]) -> Iterator[None]:
    """During the block, `libraries` that are not imported yet count as not installed.

    An import fails where `sys.modules` has None: https://docs.python.org/3/reference/import.html#the-module-cache.
    """
    hidden = dict.fromkeys(name for name in libraries if name not in sys.modules)
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _uncollected() -> Iterator[None]:
    """During the block no garbage is looked for, and never among what is there after it.

    See https://docs.python.org/3/library/gc.html#gc.freeze.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
