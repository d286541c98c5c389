"""Commands where a package is not installed: one line says which, and how to get it, before anything is computed."""

import json

import pytest

from tasks.data.arrays import FACTS
from tasks.registry.champions import ledger
from tasks.registry.trained import METRICS
from tasks.storage.artifacts import commit
from tests.support import champions
from tests.support.champions import DATASET
from tests.support.missing_packages import lacking, without

TENSORFLOW = ("tensorflow", "tensorflow_cpu")


@pytest.fixture
def environment(tmp_path, store):
    """What leads to a store with a champion that has all artifacts of a model, whose weights nobody gets to read."""
    contents = {
        "normalize": {FACTS: json.dumps({"classes": ["a", "b"], "shape": [4, 4, 3]})},
        "train": {"model.json": "{}", "model.weights.h5": ""},
        "evaluate": {METRICS: json.dumps({"replicates": [{"seed": 0}]})},
        "export": {"model.onnx": ""},
    }
    for stage, files in contents.items():
        folder = tmp_path / stage
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        commit(store, stage, stage, folder, {"settings": {"backend": "tensorflow"}}, {})
    artifacts = {"normalize": "normalize", "evaluate": "evaluate", "train/seed-0": "train"}
    named = champions.model(artifacts=artifacts, seeds=(0,), replicate=0)
    ledger.append(store, champions.entry(1, model=named, export="export"))
    ledger.append(store, champions.entry(1, model=named.model_copy(update={"dataset": "mnist"}), export=None))
    return {"STORE": store.uri}


@pytest.mark.parametrize(
    ("missing", "arguments", "words"),
    [
        (
            ("onnxruntime",),
            ("predict", DATASET, "a.png", "--engine", "onnx"),
            "expected the package onnxruntime, found none; type pip install 'onnxruntime>=1.22', or use --engine keras",
        ),
        (
            TENSORFLOW,
            ("predict", DATASET, "a.png"),
            "the package tensorflow, found none; type pip install 'tensorflow>=2.21,<2.22', or use --engine onnx",
        ),
        (
            ("pyarrow",),
            ("predict", DATASET, "a.png", "--output", "a.parquet"),
            "expected the package pyarrow, found none; type pip install 'pyarrow>=22', or write a .csv or .jsonl file",
        ),
        (
            ("numpy", "PIL", "pillow"),
            ("predict", DATASET, "a.png"),
            "expected the packages numpy, pillow, found none; type pip install 'numpy>=2.2' 'pillow>=12'",
        ),
        (
            ("onnx", "tf2onnx", *TENSORFLOW),
            ("champion", "download", "mnist"),
            "expected the packages onnx, tf2onnx, tensorflow, found none; type pip install 'onnx>=1.19'",
        ),
        (
            ("tf2onnx",),
            ("champion", "promote", "a-run"),  # said before a run is looked for, and before anything is judged
            "expected the package tf2onnx, found none; type pip install 'tf2onnx>=1.16'",
        ),
    ],
)
def test_a_missing_package_is_said(environment, tmp_path, missing, arguments, words):
    """64, and no traceback."""
    said = lacking(without(tmp_path / "packages", *missing), environment, *arguments)
    assert said.code == 64, said.output
    assert words in said.output.splitlines()[-1]
    assert "Traceback" not in said.output
