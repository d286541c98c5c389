"""Networks from descriptions, and back from disk."""

import json
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.lazy import Lazy

keras = Lazy("keras")
network = Lazy("tasks.learning.network")


@cache
def described():
    """Of 6,000 parameters."""
    facts = {"shape": (8, 8, 3), "classes": 4, "budget": 6_000, "mean": (100, 110, 120), "std": (50, 55, 60)}
    return network.Description(family="cnn", **facts)


def images(n=5, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_saved_network_answers_as_before(family, tmp_path):
    """Weights and configuration are all that a network is: what is loaded predicts the same, bit by bit."""
    description = described().model_copy(update={"family": family})
    model = network.assemble(description)
    network.save(model, description, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.weights.h5"]
    assert np.array_equal(
        network.probabilities(network.load(tmp_path), images()), network.probabilities(model, images())
    )


def test_probabilities_are_a_distribution():
    """float32 [n, classes], every row sums to 1, the largest is the largest logit."""
    model = network.assemble(described())
    odds = network.probabilities(model, images())
    assert odds.dtype == np.float32
    assert odds.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(odds.argmax(axis=1), keras.ops.convert_to_numpy(model(images())).argmax(axis=1))


def test_probabilities_of_many_images_are_read_in_pieces(monkeypatch):
    """More images than fit into the memory have the probabilities that they have together."""
    model = network.assemble(described())
    together = network.probabilities(model, images(50), batch_size=8)
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 16 * 8 * 8 * 3)
    assert np.array_equal(network.probabilities(model, images(50), batch_size=8), together)


def test_standardisation_happens_inside_without_weights():
    """uint8 goes in; mean and deviation shape the result but are no parameters."""
    model = network.assemble(described())
    standardised = keras.ops.convert_to_numpy(model.layers[1](images()))
    assert standardised == pytest.approx((images() - np.array([100.0, 110, 120])) / np.array([50.0, 55, 60]), abs=1e-4)
    assert model.count_params() == pytest.approx(6_000, rel=0.01)
    assert model.layers[1].count_params() == 0


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_mirror_mean_answers_for_both_images(family):
    """The logits are the mean over the image and its mirror image; a training step sees the image alone."""
    plain = described().model_copy(update={"family": family, "hyperparameters": {"dropout": 0.0}})
    mirrored = plain.model_copy(update={"tricks": plain.tricks.model_copy(update={"mirror_mean": True})})
    one, both = network.assemble(plain), network.assemble(mirrored)
    both.set_weights(one.get_weights())
    answers = [keras.ops.convert_to_numpy(one(seen)) for seen in (images(), images()[:, :, ::-1])]
    assert keras.ops.convert_to_numpy(both(images())) == pytest.approx(np.mean(answers, axis=0), abs=1e-5)
    assert both.count_params() == one.count_params()
    steps = [keras.ops.convert_to_numpy(model(images(), training=True)) for model in (one, both)]
    assert steps[1] == pytest.approx(steps[0], abs=1e-4)


def test_hyperparameters_shape_the_network():
    """What the search found is what is built."""
    plain = network.assemble(described().with_hyperparameters({"depths": "1-2-2"}))
    deep = network.assemble(described().with_hyperparameters({"depths": "2-2-2", "learning_rate": 0.01}))
    assert len(deep.layers[-1].layers) > len(plain.layers[-1].layers)


@pytest.mark.parametrize("family", ["transformer", "os", "__init__", "../ann", "ann.build"])
def test_an_unknown_family_is_refused(family):
    """Only files of tasks/models/ are families; a name cannot reach elsewhere."""
    with pytest.raises((ValueError, ValidationError)):
        network.assemble(network.Description(**described().model_dump() | {"family": family}))


def test_weights_of_another_size_are_refused(tmp_path):
    """Code that now builds another size says so before it reads weights."""
    network.save(network.assemble(described()), described(), tmp_path)
    facts = json.loads((tmp_path / network.CONFIGURATION).read_text())
    (tmp_path / network.CONFIGURATION).write_text(json.dumps(facts | {"parameters": 5}))
    with pytest.raises(ValueError, match="expected 5 parameters"):
        network.load(tmp_path)
