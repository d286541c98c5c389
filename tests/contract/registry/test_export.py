"""The export of a model that a real run trained: made once, checked on the test part, used as its card says."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tasks.errors import DataError, RequestError
from tasks.learning.temperature import apply
from tasks.registry.champions.candidates import candidate_of
from tasks.registry.export import STAGE, bring, export
from tasks.settings.workflow import report_key
from tasks.storage.artifacts import file_digest, find, find_whole, materialize, read_file
from tests.support.patience import PATIENCE
from tests.support.published_runs import opened
from tests.support.real_run import make_environment, make_run

FILES = {"model.keras", "model.onnx", "classes.json", "README.md"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A store with a run of each family, and what it exported, by the family."""
    environment = make_environment(tmp_path_factory.mktemp("runs"))
    for family in ("ann", "cnn"):
        make_run(environment, f"run-{family}", families=[family])
    store = opened(environment)
    models = {family: candidate_of(store, f"run-{family}", "cifar10") for family in ("ann", "cnn")}
    return store, models, {family: export(store, model, print) for family, model in models.items()}


@pytest.fixture(params=["ann", "cnn"])
def exported(request, runs):
    """The store, a model, and the manifest of its export."""
    store, models, keys = runs
    return store, models[request.param], find(store, STAGE, keys[request.param])


def test_an_export_is_whole_and_says_how_near_it_is(exported):
    """Its files are those of the card; the manifest has the largest difference and the number of other answers."""
    store, model, manifest = exported
    assert find_whole(store, STAGE, manifest.key) == manifest
    assert manifest.files.keys() == FILES
    for difference in manifest.summary["differences"].values():
        assert difference["largest"] < 1e-6
        assert difference["unlike"] == difference["ties"]
    assert manifest.made["parents"]["train"] == f"train/{model.artifacts[f'train/seed-{model.replicate}']}"
    assert manifest.made["versions"]["onnx"]


def test_an_export_is_made_once(exported):
    """Asked for again, as after a kill or a rollback, the same bytes are used; damaged ones are made again."""
    store, model, manifest = exported
    said = []
    assert export(store, model, said.append) == manifest.key
    assert said == [f"the export {manifest.key} is there already"]
    assert find(store, STAGE, manifest.key) == manifest
    store.write(manifest.files["model.onnx"].object, b"damaged")
    assert export(store, model, said.append) == manifest.key
    again = find_whole(store, STAGE, manifest.key)
    assert again is not None
    assert again.files.keys() == FILES


def test_an_export_is_brought_whole_into_an_empty_folder(exported, tmp_path):
    """What an attempt before left is completed; a folder that holds something else is left as it is."""
    store, _, manifest = exported
    (tmp_path / "champion" / ".download-1").mkdir(parents=True)
    (tmp_path / "champion" / "classes.json").write_text("half of it")
    for _ in range(2):
        assert bring(store, manifest.key, tmp_path / "champion") == sorted(FILES)
    found = {path.name: file_digest(path) for path in (tmp_path / "champion").iterdir()}
    assert found == {name: file.sha256 for name, file in manifest.files.items()}
    (tmp_path / "champion" / "mine.txt").write_text("a note")
    with pytest.raises(RequestError, match="expected a new name or an empty folder"):
        bring(store, manifest.key, tmp_path / "champion")
    with pytest.raises(DataError, match="expected the export gone, found none"):
        bring(store, "gone", tmp_path / "other")


def test_the_exported_model_answers_as_evaluate_did(exported):
    """The published predictions of the test part, at the model's temperature, by ONNX Runtime."""
    import onnxruntime

    store, model, manifest = exported
    session = onnxruntime.InferenceSession(read_file(store, manifest, "model.onnx"))
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["classes"]) == ["left", "right", "below"]
    assert (known["dataset"], known["run"], known["seed"]) == ("cifar10", model.run, str(model.replicate))
    data = find(store, "normalize", model.artifacts["normalize"])
    images = np.load(io.BytesIO(read_file(store, data, "test-images.npy")), allow_pickle=False)
    name = f"predictions/cifar10-{model.family}-seed-{model.replicate}.npz"
    with np.load(io.BytesIO(store.read(report_key(model.run, name))), allow_pickle=False) as published:
        expected = apply(published["y_prob"], float(known["temperature"]))
    (received,) = session.run(["probabilities"], {"images": images})
    assert received == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(received.argmax(axis=1), expected.argmax(axis=1))


def test_the_card_shows_programs_that_run(exported, tmp_path):
    """Both programs say the same of an image, in a folder that has the exported files and an image alone."""
    store, _, manifest = exported
    materialize(store, manifest, manifest.files, tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", card, re.M | re.S)
    said = [_run(program, tmp_path) for program in programs]
    assert len(said) == 2
    assert said[0] == said[1]
    assert re.fullmatch(r"(left|right|below) \d+\.\d%", said[0])


def _run(program, folder):
    line = [sys.executable, "-I", "-c", program]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return done.stdout.strip().splitlines()[-1]


def test_a_file_that_answers_otherwise_is_not_stored(runs, monkeypatch):
    """The export fails with what was expected and what was received, and leaves nothing under its key."""
    store, models, _ = runs
    before = {*store.list("artifacts/export/")}
    monkeypatch.setattr("tasks.learning.portable.difference.TOLERANCE", -1.0)
    monkeypatch.setattr("tasks.registry.export.FORMAT", 0)  # under another key, so that it is made
    with pytest.raises(DataError, match=r"expected model\.\w+ to answer as the trained network, .* received a diff"):
        export(store, models["ann"], print)
    assert {*store.list("artifacts/export/")} == before


def test_a_model_that_is_gone_is_named(runs):
    """The artifact that the store does not have any more stands in the message."""
    store, models, _ = runs
    gone = models["ann"].artifacts | {"train/seed-0": "0" * 40}
    with pytest.raises(DataError, match=r"expected the artifact train/seed-0 of run-ann, cifar10, ann, .*found none"):
        export(store, models["ann"].model_copy(update={"artifacts": gone}), print)
