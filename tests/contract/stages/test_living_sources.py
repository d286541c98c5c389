"""Living sources through the stages: the same images from anywhere are the same arrays, and growth is noticed."""

import json
from uuid import uuid4

import boto3
import pytest

from tasks.data import arrays
from tasks.runs.execution import execute
from tasks.runs.records import read_record, recorded_manifest
from tasks.settings.dataset import Canvas, Dataset
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages import fetch, normalize
from tasks.storage.artifacts import read_file
from tests.support import photographs
from tests.support.tiny_data import make_configuration

PLACE = Place("flowers")
SIZE = (16, 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("photographs") / "flowers"
    photographs.write(made, 60, 3, 0)
    return made


@pytest.fixture
def normalized(tmp_path, store):
    """Fetch and normalize what lies at a location; the digests of the arrays, and the facts."""
    configuration = load_configuration(make_configuration(tmp_path / "config"))

    def done(location, run="r1", reader="folder"):
        described = {"title": "Flowers", "reader": reader, "image_size": SIZE, "budget": 5_000}
        gate = {"conflicting": 1.0, "crossing": 1.0, "corrupt": 1.0, "shifted": 1.0, "removed": 1.0}
        living = Dataset.model_validate({"name": "flowers", "location": str(location), "gate": gate} | described)
        config = configuration.model_copy(update={"datasets": {"flowers": living}})
        request = resolve(config, Parameters(profile="full"), run)
        for stage in (fetch.STAGE, normalize.STAGE):
            execute(stage, request, PLACE, store)
        manifest = recorded_manifest(store, read_record(store, run, PLACE, "normalize"))
        digests = {name: file.sha256 for name, file in manifest.files.items() if name.endswith(".npy")}
        return digests, json.loads(read_file(store, manifest, arrays.FACTS))

    return done


def test_the_same_images_from_anywhere_are_the_same_arrays(folder, normalized, tmp_path, s3_environment):
    """Folder, .zip, .tar.gz and s3:// prefix are one version; Parquet and NPZ are other files of equal arrays."""
    client, prefix = boto3.client("s3"), uuid4().hex
    for path in folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "like-for-like", f"{prefix}/{path.relative_to(folder)}")
    photographs.as_parquet(folder, tmp_path / "parquet")
    canvas = Canvas(*SIZE, "rgb", "crop")
    found = [
        normalized(folder, "r1"),
        normalized(photographs.zipped(folder, tmp_path / "a.zip"), "r2"),
        normalized(photographs.tarred(folder, tmp_path / "a.tar.gz"), "r3"),
        normalized(f"s3://like-for-like/{prefix}/", "r4"),
        normalized(tmp_path / "parquet", "r5", "parquet"),
        normalized(photographs.as_npz(folder, tmp_path / "a.npz", canvas), "r6", "npz"),
    ]
    assert len(found[0][0]) == 8  # images and labels of three parts, the examples, and the mean images
    assert [digests == found[0][0] for digests, _ in found] == [True] * 6
    versions = [facts["version"] for _, facts in found]
    assert len(set(versions[:4])) == 1
    assert len(set(versions)) == 3


def test_what_grew_is_compared_with_the_version_before(folder, normalized, tmp_path):
    """The facts name the version before and what was added; a run without a change reuses all."""
    grown = tmp_path / "grown"
    photographs.write(grown, 60, 3, 0)
    _, first = normalized(grown, "r1")
    assert first["changes"] is None
    photographs.more(grown, 20, 3, 0)
    _, second = normalized(grown, "r2")
    assert second["changes"]["previous"] == first["version"] != second["version"]
    assert second["changes"]["added"] > 0
    assert second["changes"]["removed"] == 0
    assert normalized(grown, "r3")[1] == second
