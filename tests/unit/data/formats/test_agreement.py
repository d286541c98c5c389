import hashlib

import pytest

from tasks.data.collected.collection import collect
from tasks.data.part import Given
from tasks.data.readers import samples
from tasks.settings.dataset import Canvas
from tests.support.photographs import as_npz, as_parquet, write


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_the_same_photographs_come_from_every_format(tmp_path, fit, color):
    """A folder, its Parquet and its pixels in an .npz give the same images with the same labels, on every canvas."""
    folder, canvas = tmp_path / "photographs", Canvas(20, 28, color, fit)
    write(folder, images=60)
    paths = {path.relative_to(folder).as_posix(): path for path in folder.glob("*/*")}
    made = {
        "folder": [Given(name, path) for name, path in paths.items()],
        "parquet": [Given(path.name, path) for path in as_parquet(folder, tmp_path / "shards")],
        "npz": [Given("photographs.npz", as_npz(folder, tmp_path / "photographs.npz", canvas))],
    }
    found = {reader: _contents(reader, files, canvas, tmp_path) for reader, files in made.items()}
    assert found["folder"][0] == found["parquet"][0] == found["npz"][0]
    assert len(found["folder"][0]) == 65
    assert [corrupt for _, corrupt in found.values()] == [3, 3, 0]


def _contents(reader, files, canvas, scratch) -> tuple[list[tuple[str, str]], int]:
    """The label and the SHA-256 of each image, sorted; how many are corrupt."""
    found = collect(samples(reader, files), canvas, scratch, lambda line: None)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in found.images]
    return sorted(zip(found.labels, digests, strict=True)), len(found.corrupt)
