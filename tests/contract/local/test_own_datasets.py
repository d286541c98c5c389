"""A person's own images in a real bucket: `dataset add` reads them there."""

import pytest

from tasks.local.__main__ import main
from tasks.settings.loading import load_configuration
from tasks.storage.location import open_store
from tests.support import photographs
from tests.support.tiny_data import choose_configuration


@pytest.fixture
def config(tmp_path, monkeypatch):
    return choose_configuration(tmp_path / "config", monkeypatch)


def test_a_prefix_in_a_bucket_becomes_a_dataset(config, s3_environment, tmp_path, capsys):
    """Its objects are the files; the file that is written names the prefix, and what was copied is gone."""
    photographs.write(tmp_path / "shapes", images=60, classes=3)
    uri = f"{s3_environment.uri}/photographs"
    store = open_store(uri)
    for path in (tmp_path / "shapes").glob("*/*"):
        store.write(path.relative_to(tmp_path / "shapes").as_posix(), path.read_bytes())
    assert main(["dataset", "add", "shapes", "--from", f"{uri}/"]) == 0
    assert "68 images in 3 classes: " in capsys.readouterr().out
    dataset = load_configuration(config).datasets["shapes"]
    assert (dataset.reader, dataset.location) == ("folder", f"{uri}/")
    assert main(["dataset", "show", "shapes"]) == 0
    assert "68 images in 3 classes: " in capsys.readouterr().out


def test_a_prefix_without_objects_is_refused(config, s3_environment, capsys):
    """One line, and nothing is written."""
    assert main(["dataset", "add", "shapes", "--from", f"{s3_environment.uri}/nothing-here/"]) == 65
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected files, found none" in line
    assert not (config / "datasets" / "shapes.toml").exists()
