"""Exported files of real networks: they answer as the network does, and need nothing of this project."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tasks.learning.portable.making import VARIABLES, make
from tasks.learning.portable.order import KERAS_FILE, ONNX_FILE, Order
from tasks.project import PROJECT
from tasks.runs.companion import answers
from tasks.settings.training import Tricks
from tests.support.lazy import Lazy
from tests.support.patience import PATIENCE

keras = Lazy("keras")
network = Lazy("tasks.learning.network")
files = Lazy("tasks.learning.portable.files")
plain = Lazy("tasks.learning.portable.plain")
onnxruntime = Lazy("onnxruntime")

EVERY_TRICK = Tricks(whitening=True, identity=True, mirror_mean=True)
NETWORKS = {
    "ann": ("ann", (8, 8, 3), Tricks(), {}),
    "ann, tricks": ("ann", (9, 7, 3), EVERY_TRICK, {"bottleneck": True, "blocks": 3, "pool": 2}),
    "ann, silu": ("ann", (8, 8, 1), EVERY_TRICK, {"activation": "silu", "pool": 1, "dropout": 0.2}),
    "cnn": ("cnn", (8, 8, 3), Tricks(), {}),
    "cnn, tricks": ("cnn", (13, 10, 3), EVERY_TRICK, {"depths": "2-2-2", "pooling": "average"}),
    "cnn, gelu": ("cnn", (16, 16, 1), EVERY_TRICK, {"activation": "gelu", "depths": "1-2-2"}),
}
ELSEWHERE = """
import sys
import keras
import numpy as np

assert "tasks" not in sys.modules
model = keras.saving.load_model("model.keras", safe_mode=True)
np.save("answers.npy", model.predict(np.load("images.npy"), verbose=0))
assert "tasks" not in sys.modules
"""
UNDER_JAX = """
import sys
from pathlib import Path
from tests.contract.learning.portable.test_files import trained

trained(Path(sys.argv[1]), "cnn, tricks")
"""


def images(shape, n=40):
    return np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)


def trained(folder, name, n=40):
    """An order to export a network of this name. Its weights are adapted to images, and its averages are no others'."""
    family, shape, tricks, hyperparameters = NETWORKS[name]
    facts = {"shape": shape, "classes": 5, "budget": 9_000, "mean": (90,) * shape[-1], "std": (60,) * shape[-1]}
    described = network.Description(family=family, tricks=tricks, hyperparameters=hyperparameters, **facts)
    model = network.assemble(described)
    network.adapt(model, images(shape))
    model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images(shape), np.arange(40) % 5, epochs=2, verbose=0)
    network.save(model, described, folder)
    np.save(folder / "images.npy", images(shape, n))
    (folder / "output").mkdir()
    return Order(folder, folder / "images.npy", folder / "output", 1.7, {"classes": '["\u00fc"]', "run": "r"})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_files_answer_as_the_network(name, tmp_path):
    """Of both families, with and without every trick: probabilities within a hundredth of what is allowed."""
    found = files.write(trained(tmp_path, name))
    assert {*found} == {KERAS_FILE, ONNX_FILE}
    for difference in found.values():
        assert difference.is_small
        assert difference.largest < 1e-6


def test_images_are_read_in_pieces(tmp_path, monkeypatch):
    """More images than a batch and than a piece: each is compared once, the last ones too."""
    order = trained(tmp_path, "cnn", n=2 * files.BATCH + 3)
    whole = files.write(order)
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 1)
    assert files.write(order)[ONNX_FILE] == whole[ONNX_FILE]


@pytest.mark.parametrize("name", ["ann, tricks", "cnn, tricks"])
def test_keras_loads_the_file_where_the_project_is_not(name, tmp_path):
    """In another folder, without the project, with Keras' own guard: it takes uint8 and gives the calibrated answer."""
    order = trained(tmp_path, name)
    files.write(order)
    np.save(order.output / "images.npy", np.load(order.images, allow_pickle=False))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    line = [sys.executable, "-c", ELSEWHERE]
    place = {"cwd": order.output, "env": environment, "timeout": PATIENCE}
    done = subprocess.run(line, capture_output=True, text=True, check=False, **place)
    assert done.returncode == 0, done.stderr
    received = np.load(order.output / "answers.npy", allow_pickle=False)
    logits = network.load(order.model).predict(np.load(order.images, allow_pickle=False), verbose=0)
    odds = np.exp(logits / order.temperature)
    assert received.dtype == np.float32
    assert received == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-6)


def test_onnx_says_what_it_takes_and_what_its_answers_mean(tmp_path):
    """Any number of images, uint8; one output by its name; what was given as facts stands in the metadata."""
    order = trained(tmp_path, "cnn")
    files.write(order)
    session = onnxruntime.InferenceSession(order.output / ONNX_FILE)
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1:]) == ("images", "tensor(uint8)", [8, 8, 3])
    assert (answer.name, answer.type, answer.shape[1:]) == ("probabilities", "tensor(float)", [5])
    assert session.get_modelmeta().custom_metadata_map == order.facts
    assert json.loads(order.facts["classes"]) == ["\u00fc"]
    for n in (1, 7):
        assert session.run(None, {"images": images((8, 8, 3), n)})[0].shape == (n, 5)


def test_weights_of_another_backend_are_exported(tmp_path):
    """What JAX trained: the files are made under TensorFlow, and answer as the network does there."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    line = [sys.executable, "-c", UNDER_JAX, str(tmp_path)]
    subprocess.run(line, cwd=PROJECT, env=environment, check=True, timeout=PATIENCE)
    order = Order(tmp_path, tmp_path / "images.npy", tmp_path / "output", 1.7, {})
    (made,), fault = answers(make, [order], VARIABLES, PATIENCE)
    assert (made.fault, fault) == (None, None)
    assert all(difference.largest < 1e-6 for difference in made.differences.values())


def of_layer(layer):
    """A family's model with this layer, assembled as all are."""
    pictures = keras.Input((4, 4, 1), dtype="uint8")
    standardise = keras.layers.Normalization(mean=[0.0], variance=[1.0])
    inside = keras.Input((4, 4, 1))
    core = keras.Model(inside, keras.layers.Dense(2)(keras.layers.Flatten()(layer(inside))), name="own")
    return keras.Model(pictures, core(standardise(pictures)), name="own")


def test_what_only_starts_in_its_own_way_is_exported():
    """A family's own layer or initializer is no obstacle, as long as it computes as a layer of Keras."""

    class Ones(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return keras.ops.ones(shape, dtype)

    class Mine(keras.layers.Conv2D):
        pass

    exported = plain.plain(of_layer(Mine(2, 3, kernel_initializer=Ones())), 1.0)
    assert type(exported.layers[2].layers[1]) is keras.layers.Conv2D
    assert (exported.layers[2].layers[1].get_weights()[0] == 1).all()


@pytest.mark.parametrize("kind", ["own call", "own layer", "code", "function"])
def test_what_only_this_project_can_compute_is_refused(kind):
    """A file that Keras could not load elsewhere is not made: the error names the layer or the class."""

    class OwnCall(keras.layers.Conv2D):
        def call(self, inputs):
            return 2 * super().call(inputs)

    class OwnLayer(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    def function(inputs):
        return 2 * inputs

    layers = {
        "own call": (OwnCall(2, 3, name="strange"), "layer strange: expected one that computes as a layer of Keras"),
        "own layer": (OwnLayer(name="strange"), "layer strange: expected one that computes as a layer of Keras"),
        "code": (keras.layers.Lambda(function), "expected objects of Keras alone, received a function"),
        "function": (keras.layers.Activation(function), "expected objects of Keras alone, received function"),
    }
    layer, said = layers[kind]
    with pytest.raises(plain.NotPlainError, match=said):
        plain.plain(of_layer(layer), 1.0)


def test_a_model_that_is_no_graph_is_refused():
    """Keras cannot copy a class of somebody's own, whatever it computes."""

    class Own(keras.Model):
        def call(self, inputs):
            return keras.ops.reshape(inputs, (-1, 16))

    pictures = keras.Input((4, 4, 1), dtype="uint8")
    standardised = keras.layers.Normalization(mean=[0.0], variance=[1.0])(pictures)
    with pytest.raises(plain.NotPlainError, match="expected a model that is a graph of layers"):
        plain.plain(keras.Model(pictures, Own()(standardised)), 1.0)


def test_a_fault_is_told_and_not_raised(tmp_path):
    """So that it reaches the process that asked: here the weights are missing."""
    order = trained(tmp_path, "ann")
    (tmp_path / network.WEIGHTS).unlink()
    made = make(order)
    assert made.differences == {}
    assert "Error: " in made.fault


def test_its_making_is_told_to_nobody(tmp_path):
    """ONNX Runtime, which checks the files, leaves no number of this machine and no list of what it would send."""
    order, home = trained(tmp_path, "ann"), tmp_path / "home"
    home.mkdir()
    places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    found, fault = answers(make, [order], {**places, "CI": "", **VARIABLES}, PATIENCE)
    assert (fault, [made.fault for made in found]) == (None, [None])
    left = [path.name for path in home.rglob("*")]
    assert [name for name in left if "onnxruntime" in name or name == ".ses"] == []
