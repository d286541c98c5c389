"""Modules that are imported at their first use, so that collecting a test does not wait for TensorFlow or Airflow."""

import importlib
from typing import Any

# What pytest asks of every name in a test's module, to learn whether it is a test.
ASKED_OF_EVERYTHING = {"__test__", "__wrapped__", "__bases__", "_mock_name"}


class Lazy:
    """Stands for a module: what is asked of it, or set in it, is the module's."""

    __slots__ = ("_name",)  # no attributes of its own, not even a `__dict__`, which a monkeypatch would look into

    def __init__(self, name: str):
        object.__setattr__(self, "_name", name)

    def __getattr__(self, attribute: str) -> Any:
        if attribute in ASKED_OF_EVERYTHING:
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(importlib.import_module(self._name), attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(importlib.import_module(self._name), attribute)
