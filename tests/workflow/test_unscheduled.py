"""A run without a scheduler, on tiny data."""

import subprocess

import pytest

from tasks.runs.records import read_record
from tasks.settings.place import Place
from tasks.storage.location import open_store
from tests.bench.unscheduled import unscheduled
from tests.support.tiny_data import make_configuration, make_mirror


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The store of a small run, which `plan` finds in the environment."""
    monkeypatch.setenv("WORKFLOW_CONFIG", str(make_configuration(tmp_path / "config")))
    monkeypatch.setenv("DATASET_MIRROR", str(make_mirror(tmp_path / "mirror")))
    monkeypatch.setenv("RUN_PARAMETERS", '{"profile": "smoke", "datasets": ["cifar10"], "families": ["ann"]}')
    monkeypatch.setenv("STORE", uri := (tmp_path / "store").as_uri())
    return open_store(uri)


def test_it_goes_from_the_plan_to_the_report(store):
    """Every stage is done at every place of the run, and the report is written."""
    unscheduled("bare", slots=2)
    for seed in (0, 1):
        assert read_record(store, "bare", Place("cifar10", "ann", seed), "train")["status"] == "done"
    assert read_record(store, "bare", Place("cifar10", "ann"), "evaluate")["status"] == "done"
    assert store.exists("reports/bare/report.html")


def test_a_failed_stage_ends_it(store, tmp_path):
    """What went wrong is raised, and nothing that needs it is started."""
    (tmp_path / "mirror" / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"no archive")
    with pytest.raises(subprocess.CalledProcessError):
        unscheduled("bare", slots=2)
    assert read_record(store, "bare", Place("cifar10"), "normalize") is None
    assert not store.exists("reports/bare/report.html")
