"""What a container of the docker runner sees of the worker's machine."""

import pytest

from tests.support.lazy import Lazy
from tests.support.living import add_living
from tests.support.tiny_data import make_configuration

docker = Lazy("dags.runners.docker")


@pytest.mark.parametrize(
    ("stage", "dataset", "expected"),
    [
        ("plan", None, ["config", "leaves.zip", "photos"]),
        ("fetch", "flowers", ["config", "photos"]),
        ("watch", "leaves", ["config", "leaves.zip"]),
        ("fetch", "cifar10", ["config"]),
        ("normalize", "flowers", ["config"]),
        ("report", None, ["config"]),
    ],
)
def test_a_container_sees_the_location_that_it_looks_at(tmp_path, stage, dataset, expected):
    """Of the places where datasets lie that may change, `fetch` and `watch` see their own, `plan` all, others none."""
    config = make_configuration(tmp_path / "config")
    (tmp_path / "photos").mkdir()
    (tmp_path / "leaves.zip").touch()
    add_living(config, "flowers", tmp_path / "photos")
    add_living(config, "leaves", tmp_path / "leaves.zip")
    add_living(config, "gone", tmp_path / "gone")
    found = docker.folders({"WORKFLOW_CONFIG": str(config)}, stage, dataset)
    assert sorted(found) == [str(tmp_path / name) for name in expected]
