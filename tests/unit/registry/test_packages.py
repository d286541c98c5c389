"""Packages that not everybody installs."""

import re
import sys
import tomllib
from itertools import chain

import pytest

from tasks.errors import RequestError
from tasks.project import PROJECT
from tasks.registry.packages import REQUIREMENTS, require


def test_what_is_missing_is_named_with_the_way_to_get_it():
    """What is there is not named; what no release is known of is asked for by its own name."""
    with pytest.raises(RequestError) as one:
        require(("json", "no_such_module"), ", or do without")
    assert str(one.value) == (
        "expected the package no_such_module, found none; type pip install 'no_such_module', or do without"
    )
    require(("json", "numpy"))


def test_several_are_named_at_once(monkeypatch):
    """By the names of their distributions, and with the releases that this project works with."""
    for name in ("keras_tuner", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequestError) as several:
        require(("keras_tuner", "onnx"))
    assert str(several.value) == (
        "expected the packages keras-tuner, onnx, found none; type pip install 'keras-tuner>=1.4.8,<1.5' 'onnx>=1.19'"
    )


def test_the_releases_are_those_of_the_project():
    """A person who types what a message says gets what the project itself installs."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    groups = (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values())
    known = {re.split(r"\s*;", requirement)[0] for requirement in chain(*groups)}
    assert set(REQUIREMENTS.values()) - known == set()
