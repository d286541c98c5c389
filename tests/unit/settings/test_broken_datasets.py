"""One bad file of a dataset is that dataset's own problem."""

import json
import os

import pytest

from tasks.errors import RequestError
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.reading.toml_file import TomlFile
from tasks.settings.request import Parameters
from tests.support.broken_datasets import GOOD, PASSWORD, broken_datasets
from tests.support.tiny_data import make_configuration


@pytest.fixture
def folder(tmp_path):
    return make_configuration(tmp_path / "config")


def test_every_kind_of_bad_file_is_left_out_with_its_reason(folder):
    """The other datasets are as they were, and each reason says what is wrong, in one line or in several short ones."""
    before = load_configuration(folder).datasets
    expected = dict(broken_datasets(folder / "datasets"))
    configuration = load_configuration(folder)
    reasons = configuration.unusable["datasets"]
    assert configuration.datasets == before
    assert set(reasons) == set(expected)
    assert [name for name, part in expected.items() if part not in reasons[name]] == []
    assert PASSWORD not in str(reasons)
    json.dumps(reasons).encode()
    "".join([*reasons, *reasons.values()]).encode()  # what Airflow stores is UTF-8


def test_a_run_of_the_others_is_possible_and_one_of_a_bad_one_says_why(folder):
    """What is asked for counts: all that can be used, or one that cannot."""
    dict(broken_datasets(folder / "datasets"))
    configuration = load_configuration(folder)
    request = resolve(configuration, Parameters(profile="smoke"), "run")
    assert [dataset.name for dataset in request.datasets] == ["cifar10", "fashion_mnist"]
    with pytest.raises(RequestError, match=r"datasets: a_folder cannot be used: .*a_folder.toml: expected a file"):
        resolve(configuration, Parameters(profile="smoke", datasets=("a_folder",)), "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_left_out(folder):
    """A file that only another person may read."""
    (folder / "datasets" / "locked.toml").touch(mode=0)
    assert "Permission denied" in load_configuration(folder).unusable["datasets"]["locked"]


def test_a_file_that_fails_to_be_read_is_a_bad_one(folder, monkeypatch):
    """As the file system says, whoever reads it."""
    path = folder / "datasets" / "locked.toml"
    path.write_text(GOOD)
    monkeypatch.setattr(type(path), "read_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Denied")))
    with pytest.raises(RequestError, match=r"locked.toml: expected a file that may be read, received: Denied"):
        TomlFile(path)
