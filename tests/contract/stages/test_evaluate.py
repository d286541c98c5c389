"""The evaluation of the model of the version before, by real models."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tasks.data import arrays
from tasks.data.part import Part
from tasks.data.selection import whole
from tasks.learning import temperature
from tasks.learning.cost import latency
from tasks.learning.metrics import calibrated
from tasks.runs.stage import Work
from tasks.stages.training_parts import training_parts
from tests.support.lazy import Lazy
from tests.support.patience import PATIENCE
from tests.support.tiny_data import images_and_labels

network = Lazy("tasks.learning.network")
evaluate = Lazy("tasks.stages.evaluate")
FACTS = {"shape": [8, 8, 3], "classes": ["a", "b", "c"], "mean": [100.0] * 3, "std": [50.0] * 3}


@pytest.fixture
def work(tmp_path):
    """A present model, one of the version before, a test part of 30 images, and a validation part of 60."""
    folders = {name: tmp_path / name for name in ("data", "earlier-data", "seed-0", "earlier", "output")}
    for name, folder in folders.items():
        folder.mkdir()
        if name.endswith("data"):
            (folder / arrays.FACTS).write_text(json.dumps(FACTS | {"version": f"of {name}"}))
        elif name != "output":
            described = network.Description(
                family="ann", budget=6_000, **FACTS | {"classes": 3}
            )  # untrained, so each has weights of its own
            network.save(network.assemble(described), described, folder)
    for seed, (part, number) in enumerate({"test": 30, "validation": 60}.items()):
        images, labels = images_and_labels(number, 3, seed)
        arrays.write(folders["data"], part, whole(Part(images, labels.astype(np.uint16))))
    shape = (3, *FACTS["shape"])
    arrays.write_centroids(
        folders["data"], shape, images.reshape(-1, *shape).mean(axis=0, keepdims=True, dtype=np.float32)
    )
    settings = evaluate.Settings(family="ann", seeds=(0,), backend="tensorflow")
    return Work(settings, {**folders}, folders["output"], print, None, variables=latency.ONE_THREAD)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("tasks.learning.cost.latency.SECONDS", 0.05)


def found(work):
    evaluate.run(work)
    return json.loads((work.output / "metrics.json").read_text())


def test_every_replicate_has_its_cost(work):
    """The time of a prediction alone and in a batch, and the operations of one, stand beside the scores."""
    (replicate,) = found(work)["replicates"]
    assert 0 < replicate["batch_latency_seconds"] < replicate["latency_seconds"] < 1
    assert 6_000 < replicate["flops"] < 20_000  # two for each weight of dense layers, and some more
    assert replicate["inference_seconds_per_image"] > 0


def test_every_replicate_has_a_temperature_and_its_scores_there(work):
    """It is that of the validation part; the scores at it are those of the published predictions."""
    (replicate,) = found(work)["replicates"]
    model = network.load(work.inputs["seed-0"])
    images, labels = arrays.read(work.inputs["data"], "validation")
    assert replicate["temperature"] == temperature.fit(labels, network.probabilities(model, images))
    with np.load(work.output / "seed-0.npz") as test:
        again = calibrated(test["y_true"], test["y_prob"], replicate["temperature"])
    assert replicate["calibrated"] == again.model_dump(mode="json")
    assert replicate["temperature"] != temperature.NONE


def test_without_a_validation_part_nothing_is_scaled(work):
    """The temperature is 1, and the scores are those of the predictions as they are."""
    empty = arrays.read(work.inputs["data"], "validation")
    arrays.write(work.inputs["data"], "validation", whole(empty).at(np.arange(0)))
    (replicate,) = found(work)["replicates"]
    assert replicate["temperature"] == temperature.NONE
    assert replicate["calibrated"] == {name: replicate[name] for name in replicate["calibrated"]}


def test_a_model_is_calibrated_on_the_images_that_it_was_validated_on(work):
    """Where each seed has its own partition, its validation part is the one of its training, cut from both parts."""
    images, labels = images_and_labels(60, 3, seed=7)
    arrays.write(work.inputs["data"], "train", whole(Part(images, labels.astype(np.uint16))))
    own = replace(work, settings=work.settings.model_copy(update={"split": True}))
    _, (images, labels) = training_parts(work.inputs["data"], 0)
    expected = temperature.fit(labels, network.probabilities(network.load(work.inputs["seed-0"]), images))
    (replicate,) = found(own)["replicates"]
    assert replicate["temperature"] == expected


def test_the_nearest_centroid_is_measured_on_the_test_part(work):
    """Images whose bright corner tells the class are all nearest to the mean image of their class."""
    assert found(work)["nearest_centroid"] == 1.0


def test_with_one_thread_every_model_is_loaded_once(work, monkeypatch):
    """What is scored is also timed: the weights are read and the network is compiled no second time."""
    loaded, load = [], network.load
    monkeypatch.setattr("tasks.learning.network.load", lambda folder: loaded.append(folder.name) or load(folder))
    found(work)
    assert loaded == ["seed-0", "earlier"]


@pytest.mark.parametrize(
    ("patience", "fault"),
    [(0.01, "its process gave no answer for 0 s"), (PATIENCE, "its process ended with 1")],
)
def test_a_time_that_cannot_be_taken_is_a_warning_and_fails_nothing(work, monkeypatch, patience, fault):
    """The scores stand, the times are unknown, and the last line of progress says why."""
    lines = []
    monkeypatch.setattr("tasks.learning.cost.latency.PATIENCE", patience)
    monkeypatch.setattr("tasks.learning.cost.latency.ONE_THREAD", {"KERAS_BACKEND": "none_such"})
    (replicate,) = found(replace(work, variables={}, progress=lines.append))["replicates"]
    assert (replicate["latency_seconds"], replicate["batch_latency_seconds"]) == (None, None)
    assert lines[-1] == f"WARNING: the time of a prediction is not known of 1 of 1 models: {fault}"


def test_the_earlier_model_answers_for_the_present_test_part(work):
    """Its accuracy is that of its predictions, which are kept beside those of the present model."""
    earlier = found(work)["earlier"]
    assert (earlier["version"], earlier["present"], earlier["n"]) == ("of earlier-data", "of data", 30)
    with np.load(work.output / "earlier.npz") as before, np.load(work.output / "seed-0.npz") as now:
        assert earlier["accuracy"] == np.mean(before["y_pred"] == before["y_true"])
        assert np.array_equal(before["y_true"], now["y_true"])
        assert not np.array_equal(before["y_prob"], now["y_prob"])


def test_a_model_that_the_code_no_longer_builds_fails_nothing(work):
    """A family that has changed since is no reason to lose the present result: why there is no number is said."""
    described = work.inputs["earlier"] / "model.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {"parameters": 7}))
    earlier = found(work)["earlier"]
    assert earlier["reason"] == "the present code no longer builds it"
    assert not (work.output / "earlier.npz").exists()


def test_without_a_version_before_there_is_nothing_to_say(work):
    """Where the store has no earlier version the present models are measured, and nothing else."""
    for name in ("earlier", "earlier-data"):
        work.inputs.pop(name)
    assert found(work).keys() == {"replicates", "nearest_centroid"}
