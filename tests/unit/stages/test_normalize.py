"""Normalize: folders of photographs become the arrays of three parts."""

import csv
import json

import numpy as np
import pytest

from tasks.data import arrays
from tasks.data.selection import Selection
from tasks.errors import DataError
from tasks.runs.stage import Input, Work
from tasks.settings.dataset import Canvas, Gate, Parts
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages import normalize
from tasks.storage.artifacts import file_digest
from tasks.storage.snapshots import SNAPSHOT, Snapshot, StoredFile
from tests.support import photographs
from tests.support.living import add_living
from tests.support.tiny_data import images_and_labels, make_configuration

PLACE = Place("flowers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """120 photographs in 3 classes, with 3 corrupt ones and 5 duplicates under another class."""
    folder = tmp_path_factory.mktemp("photographs") / "flowers"
    photographs.write(folder, images=120, classes=3)
    return folder


def fetched(source, target, prefix=""):
    """A folder as `fetch` of a living source leaves it."""
    target.mkdir()
    files = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        digest = file_digest(path)
        (target / digest).write_bytes(path.read_bytes())
        name = prefix + path.relative_to(source).as_posix()
        files.append(StoredFile(name=name, sha256=digest, size=path.stat().st_size))
    (target / SNAPSHOT).write_text(Snapshot(files=tuple(files)).model_dump_json())
    return target


def settings(**changes):
    origin = normalize.SingleImages(
        canvas=Canvas(16, 16, "rgb", "crop"), parts=Parts(), gate=Gate(conflicting=0.2), salt="flowers"
    )
    plain = {"reader": "folder", "classes": (), "labels": None, "origin": origin, "seed": 0, "examples": None}
    return normalize.Settings(**(plain | changes))


def normalized(chosen, output, **inputs):
    """Run the stage; its facts."""
    output.mkdir()
    lines = []
    facts = normalize.run(Work(chosen, inputs, output, lines.append, None))
    assert json.loads(json.dumps(facts)) == json.loads((output / arrays.FACTS).read_text())
    assert sorted(path.name for path in output.parent.iterdir() if path.name.startswith("pixels-")) == []
    return facts


def test_a_folder_of_photographs_becomes_three_parts(folder, tmp_path):
    """Images of one size, labels of 16 bits, and facts that agree with them; nothing else stays."""
    facts = normalized(settings(), tmp_path / "out", raw=fetched(folder, tmp_path / "raw"))
    assert (facts["shape"], facts["classes"]) == ((16, 16, 3), ("bricks", "checks", "dots"))
    assert len(facts["version"]) == 40
    assert {finding["name"] for finding in facts["gate"]} >= {"corrupt", "conflicting"}
    rows = list(csv.DictReader((tmp_path / "out" / "images.csv").open(encoding="utf-8")))
    assert [row["digest"] for row in rows] == sorted(row["digest"] for row in rows)
    for name, number in facts["counts"].items():
        images, labels = arrays.read(tmp_path / "out", name)
        assert isinstance(images, np.memmap)
        assert images.shape == (number, 16, 16, 3)
        assert labels.dtype == np.uint16
        assert [facts["classes"][label] for label in labels] == [row["label"] for row in rows if row["part"] == name]
        assert np.bincount(labels, minlength=3).tolist() == facts["class_counts"][name]
    shown = np.load(tmp_path / "out" / arrays.EXAMPLES, allow_pickle=False)
    assert facts["examples"] == [0] * 8 + [1] * 8 + [2] * 8
    train = arrays.read(tmp_path / "out", "train")
    np.testing.assert_array_equal(shown[8:16], train.images[train.labels == 1][:8])
    for label, centroid in enumerate(arrays.centroids(tmp_path / "out")):
        np.testing.assert_allclose(centroid, train.images[train.labels == label].mean(axis=0), rtol=1e-6)


def test_a_class_without_a_training_image_has_no_centroid(tmp_path):
    """Its row is NaN, and stands in its place; the means are those of the chosen rows."""
    images, labels = images_and_labels(30, 1, seed=0)
    train = Selection(images, np.flatnonzero(labels != 1)[:10], labels[labels != 1][:10])
    normalize._write_centroids(tmp_path, train, 4)
    found = arrays.centroids(tmp_path)
    assert (found.shape, found.dtype) == ((4, 8, 8, 1), np.float32)
    assert np.isnan(found[[1, 3]]).all()
    for label in (0, 2):
        expected = images[train.rows[train.labels == label]].mean(axis=0)
        np.testing.assert_allclose(found[label], expected, rtol=1e-6)


def test_the_same_files_under_other_names_make_the_same_arrays(folder, tmp_path):
    """An archive with another top folder, or another listing, changes the version and no array."""
    outputs = []
    for number, prefix in enumerate(("", "train/")):
        raw = fetched(folder, tmp_path / f"raw-{number}", prefix)
        normalized(settings(), tmp_path / f"out-{number}", raw=raw)
        outputs.append(tmp_path / f"out-{number}")
    for name in ("train", "validation", "test"):
        for file in arrays.files(name):
            assert (outputs[0] / file).read_bytes() == (outputs[1] / file).read_bytes()


def test_a_pinned_archive_of_images_is_like_the_folder(folder, tmp_path):
    """A zip whose digest is known is unpacked where it is read."""
    (tmp_path / "pinned").mkdir()
    photographs.zipped(folder, tmp_path / "pinned" / "flowers.zip")
    pinned = normalized(settings(), tmp_path / "pinned-out", raw=tmp_path / "pinned")
    living = normalized(settings(), tmp_path / "living-out", raw=fetched(folder, tmp_path / "raw"))
    assert pinned["version"] is None
    assert pinned["class_counts"] == living["class_counts"]
    for file in arrays.files("train"):
        assert (tmp_path / "pinned-out" / file).read_bytes() == (tmp_path / "living-out" / file).read_bytes()


def test_a_version_is_compared_with_the_one_before(folder, tmp_path):
    """What was added is in the facts, and no old image changes its part."""
    before = normalized(settings(), tmp_path / "before", raw=fetched(folder, tmp_path / "raw-1"))
    photographs.more(folder, 30, classes=3)
    after = normalized(
        settings(), tmp_path / "after", raw=fetched(folder, tmp_path / "raw-2"), previous=tmp_path / "before"
    )
    assert after["changes"]["previous"] == before["version"] != after["version"]
    assert (after["changes"]["added"], after["changes"]["removed"]) == (30, 0)
    old, new = (_parts(tmp_path / name) for name in ("before", "after"))
    assert old.items() <= new.items()


def test_another_image_size_is_no_change_of_the_data(folder, tmp_path):
    """On another canvas every image has another digest: the gate does not take all of them for removed."""
    raw = fetched(folder, tmp_path / "raw")
    normalized(settings(), tmp_path / "before", raw=raw)
    origin = settings().origin
    for number, canvas in enumerate([Canvas(12, 12, "rgb", "crop"), Canvas(16, 16, "rgb", "pad")]):
        other = settings(origin=origin.model_copy(update={"canvas": canvas}))
        facts = normalized(other, tmp_path / f"after-{number}", raw=raw, previous=tmp_path / "before")
        assert facts["changes"] is None


def _parts(output):
    rows = csv.DictReader((output / "images.csv").open(encoding="utf-8"))
    return {row["digest"]: row["part"] for row in rows}


def test_a_smoke_run_uses_a_sample_of_each_part(folder, tmp_path):
    """At most so many images to learn from and to test on; the table still has all of them."""
    facts = normalized(settings(examples=20), tmp_path / "out", raw=fetched(folder, tmp_path / "raw"))
    assert facts["counts"]["train"] + facts["counts"]["validation"] == 20
    assert facts["counts"]["test"] == 20
    assert facts["sample"]["test"]["used"] == 20 < facts["sample"]["test"]["official"]
    assert len(_parts(tmp_path / "out")) == sum(size["official"] for size in facts["sample"].values())


def test_arrays_may_come_from_a_living_source(tmp_path):
    """The files of `splits` are found by name, in any folder; two of one name are one too many."""
    (tmp_path / "source" / "a").mkdir(parents=True)
    for part, seed in (("train", 1), ("test", 2)):
        images, labels = images_and_labels(60, 1, seed)
        np.savez(tmp_path / "source" / "a" / f"{part}.npz", images=images, labels=labels)
    found = normalize._named(normalize.given(fetched(tmp_path / "source", tmp_path / "raw")), "train.npz")
    assert file_digest(found) == file_digest(tmp_path / "source" / "a" / "train.npz")
    (tmp_path / "source" / "train.npz").write_bytes(b"at the top")
    files = normalize.given(fetched(tmp_path / "source", tmp_path / "raw-2"))
    assert normalize._named(files, "train.npz").read_bytes() == b"at the top"
    (tmp_path / "source" / "b").mkdir()
    (tmp_path / "source" / "train.npz").rename(tmp_path / "source" / "b" / "train.npz")
    files = normalize.given(fetched(tmp_path / "source", tmp_path / "raw-3"))
    with pytest.raises(DataError, match=r"expected one file train\.npz at .*, received 2 in different folders"):
        normalize._named(files, "train.npz")
    with pytest.raises(DataError, match=r"expected one file test\.bin at .*, received none"):
        normalize._named(files, "test.bin")


def test_only_what_arrays_depend_on_is_in_their_key(tmp_path):
    """The gate and the parts of single images count, or the split of official parts; the version before is an input."""
    folder = make_configuration(tmp_path / "config")
    add_living(folder, "flowers", tmp_path)
    request = resolve(load_configuration(folder), Parameters(profile="smoke", datasets=("flowers", "cifar10")), "r")
    living, pinned = (normalize.settings(request, Place(name)).origin for name in ("flowers", "cifar10"))
    assert set(living.model_dump()) == {"canvas", "parts", "gate", "salt"}
    assert set(pinned.model_dump()) == {"shape", "splits", "validation_fraction"}
    assert normalize.inputs(request, PLACE) == {
        "raw": Input("fetch", PLACE, ("snapshot.json",)),
        "previous": Input("normalize", PLACE, ("images.csv", "statistics.json"), version="previous"),
    }
    assert set(normalize.inputs(request, Place("cifar10"))) == {"raw"}
