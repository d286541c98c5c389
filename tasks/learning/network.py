"""A trainable network: a layer that standardises images, then the model of one family.

`Description` says everything about a network except its weights. `assemble` builds it, `save` and `load` keep it on
disk, and `probabilities` applies it. Loading runs no stored code: the family's file builds, and the weights are arrays.
"""

import importlib
import json
import logging
import time
from pathlib import Path
from typing import Annotated

import keras
import keras_tuner
import numpy as np
from pydantic import Field

from tasks.errors import RequestError
from tasks.learning.layers.initialisation import PatchWhitening, PrincipalDense
from tasks.learning.layers.mirror import MirrorMean
from tasks.learning.mapped import PIECE, Images, pieces, row_bytes
from tasks.settings.training import Tricks
from tasks.settings.values import Budget, Frozen, Hyperparameters, Name

WEIGHTS = "model.weights.h5"
CONFIGURATION = "model.json"
FAMILIES = "tasks.models"
SAMPLE = 5_000  # training images, evenly spaced, that are enough to adapt a layer
FLOAT = 4  # bytes of a standardised value
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each network that a process asks


class Description(Frozen):
    """Everything about a network except its weights.

    `mean` and `std` are per channel, in pixel values from 0 to 255. Hyper-parameters that are not given take the
    family's defaults.
    """

    family: Name
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    shape: tuple[int, int, int]
    classes: Annotated[int, Field(ge=2)]
    budget: Budget
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tricks: Tricks = Tricks()

    def with_hyperparameters(self, values: dict) -> "Description":
        """The same network with other hyper-parameters."""
        return self.model_copy(update={"hyperparameters": dict(values)})


def core(description: Description, hp: keras_tuner.HyperParameters) -> keras.Model:
    """The family's model, from standardised images to logits; `hp` learns the family's search space.

    Raises:
        RequestError: there is no such family.
        BudgetError: no widths meet the budget.
    """
    module = f"{FAMILIES}.{description.family}"
    try:
        family = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise RequestError(f"family: expected a file of tasks/models/, received {description.family!r}") from None
    return family.build(hp, description.shape, description.classes, description.budget, description.tricks)


def assemble(description: Description) -> keras.Model:
    """A model from images, uint8 [n, h, w, c], to logits, float32 [n, classes].

    A layer without weights standardises, so that data stay uint8 until a model reads them.

    Raises:
        RequestError: there is no such family.
        BudgetError: no widths meet the budget.
    """
    hp = keras_tuner.HyperParameters()
    hp.values = dict(description.hyperparameters)
    images = keras.Input(description.shape, dtype="uint8")
    variance = [std**2 for std in description.std]
    standardised = keras.layers.Normalization(mean=list(description.mean), variance=variance)(images)
    family = core(description, hp)
    answers = MirrorMean(family) if description.tricks.mirror_mean else family
    return keras.Model(images, answers(standardised), name=description.family)


def parts(model: keras.Model) -> tuple[keras.layers.Normalization, keras.Model, bool]:
    """An assembled model's standardisation, its family's model, and whether it answers for mirror images too."""
    _, standardisation, answers = model.layers
    is_mirrored = isinstance(answers, MirrorMean)
    return standardisation, answers.network if is_mirrored else answers, is_mirrored


def adapt(model: keras.Model, images: Images) -> None:
    """Adapt those layers of an assembled `model` that start from data, to a sample of the training images, uint8."""
    standardisation, network, _ = parts(model)
    sample = max(1, min(SAMPLE, PIECE // (FLOAT * row_bytes(images))))
    standardised = standardisation(images[:: -(-len(images) // sample)])
    for layer in network.layers:
        if isinstance(layer, PatchWhitening | PrincipalDense):
            features = keras.Model(network.input, layer.input)(standardised)
            layer.adapt(keras.ops.convert_to_numpy(features))


def save(model: keras.Model, description: Description, folder: Path) -> None:
    """Write `model.weights.h5` and `model.json` into `folder`."""
    facts = description.model_dump(mode="json") | {"parameters": model.count_params()}
    (folder / CONFIGURATION).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    model.save_weights(folder / WEIGHTS)


def load(folder: Path) -> keras.Model:
    """The model that `save` wrote.

    Raises:
        ValueError: the present code builds a model of another size, so that the weights do not fit.
    """
    facts = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    expected = facts.pop("parameters")
    model = assemble(Description(**facts))
    if model.count_params() != expected:
        raise ValueError(f"{folder}: expected {expected:,} parameters, the code now builds {model.count_params():,}")
    model.load_weights(folder / WEIGHTS)
    return model


def probabilities(model: keras.Model, images: np.ndarray, batch_size: int = 512) -> np.ndarray:
    """Class probabilities, float32 [n, classes], of images, uint8 [n, h, w, c], which may be larger than the memory."""
    cuts = pieces(len(images), row_bytes(images), batch_size)
    return np.concatenate([_softmax(model.predict(images[cut], batch_size=batch_size, verbose=0)) for cut in cuts])


def _softmax(values: np.ndarray) -> np.ndarray:
    """The probabilities, float32 [n, classes], that logits stand for."""
    logits = values.astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def timed_probabilities(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, float]:
    """The probabilities, and the seconds for one image in big batches. The compiler's time is left out."""
    probabilities(model, images[:1024])
    start = time.perf_counter()
    result = probabilities(model, images)
    return result, (time.perf_counter() - start) / len(images)
