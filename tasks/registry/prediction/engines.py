"""What computes the probabilities: Keras with the weights as they were trained, or ONNX Runtime with an export."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError, RequestError
from tasks.learning.portable.telemetry import NO_TELEMETRY
from tasks.learning.temperature import apply
from tasks.registry.champions.documents import NamedModel
from tasks.registry.packages import require
from tasks.registry.prediction.answers import Engine
from tasks.registry.trained import Trained, replicate
from tasks.runs.imports import import_lean
from tasks.storage.artifacts import find, read_file
from tasks.storage.contract import Store

EXPORT, EXPORTED = "export", "model.onnx"


def keras_engine(store: Store, model: NamedModel, seeds: Sequence[int], otherwise: str = "") -> Engine:
    """The mean of the calibrated probabilities of the replicates of `seeds`, each as `evaluate` computes them.

    It must be called before Keras is imported with another backend than that of the training. `otherwise` ends the
    errors of a model that cannot be asked: what helps instead.

    Raises:
        RequestError: Keras or its backend is not installed, or the present code builds another network than the one
            that was trained.
        DataError: the store does not have a replicate any more, or what it has is damaged.
    """
    with ExitStack() as stack:
        trained = [stack.enter_context(replicate(store, model, seed)) for seed in seeds]
        members = [_loaded(each, model, otherwise) for each in trained]

    def probabilities(images: NDArray[np.uint8]) -> NDArray[np.floating]:
        from tasks.learning import network

        found = [apply(network.probabilities(each, images, len(images)), warmth) for each, warmth in members]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    return probabilities


def _loaded(trained: Trained, model: NamedModel, otherwise: str) -> tuple[Any, float]:
    """The network and its temperature."""
    os.environ["KERAS_BACKEND"] = trained.backend
    require(("keras", "keras_tuner", trained.backend), otherwise)
    import_lean("tasks.learning.network", trained.backend)
    from tasks.learning import network

    try:
        return network.load(trained.folder), trained.temperature
    except ValueError:
        raise RequestError(
            f"{model.family} of {model.run}: expected the code that trained it, received code that builds another "
            f"network; use the release of that run, or train it again{otherwise}"
        ) from None


def onnx_engine(store: Store, key: str) -> Engine:
    """The exported model of the artifact `key`. It imports neither TensorFlow nor Keras.

    Raises:
        RequestError: ONNX Runtime is not installed.
        DataError: the store does not have the export any more, or what it has is damaged.
    """
    require(("onnxruntime",), ", or use --engine keras")
    os.environ.update(NO_TELEMETRY)
    import onnxruntime

    manifest = find(store, EXPORT, key)
    if manifest is None or EXPORTED not in manifest.files:
        expected = f"expected {EXPORTED} in artifacts/{EXPORT}/{key}, found none"
        raise DataError(f"{store.uri}: {expected}; `champion download` makes it again")
    session = onnxruntime.InferenceSession(read_file(store, manifest, EXPORTED), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda images: session.run(None, {given.name: images})[0]
