"""A trained network as a model of Keras' own layers, which Keras loads without any code of this project.

What this project adds to a layer is how it starts, or how fast it computes. So a trained layer is an ordinary one with
its weights.
"""

from collections.abc import Iterator
from typing import Any

import keras

from tasks.learning.layers.mirror import mean_of_both
from tasks.learning.layers.normalisation import BatchNormalization
from tasks.learning.network import parts

OWNER = "keras."  # begins the modules of what Keras itself loads
CODE = "Lambda"  # the layer of Keras that keeps code, which no careful reader runs
INPUT, OUTPUT = "images", "probabilities"


class NotPlainError(ValueError):
    """The network does something that Keras' own layers do not."""


def plain(trained: keras.Model, temperature: float) -> keras.Model:
    """What `network.load` returns, with all that is done before and after it inside, of Keras' own layers alone.

    It takes images, uint8 [n, h, w, c], and gives calibrated probabilities, float32 [n, classes]. Its five layers are
    the input, the standardisation, the family's model, the division of the logits by `temperature`, and a softmax.

    Raises:
        NotPlainError: the family's model has a layer of another kind, or one that holds an object of another kind.
    """
    standardisation, core, is_mirrored = parts(trained)
    images = keras.Input(trained.input_shape[1:], dtype="uint8", name=INPUT)
    copy = _mirrored(_copied(core)) if is_mirrored else _copied(core)
    logits = copy(keras.layers.Normalization.from_config(standardisation.get_config())(images))
    calibrated = keras.layers.Rescaling(1 / temperature, name="temperature")(logits)
    return keras.Model(images, keras.layers.Softmax(name=OUTPUT)(calibrated), name=trained.name)


def _mirrored(core: keras.Model) -> keras.Model:
    """The model whose answer is the mean over an image and its mirror image."""
    images = keras.Input(core.input_shape[1:])
    return keras.Model(images, mean_of_both(core, images), name=core.name)


def _copied(core: keras.Model) -> keras.Model:
    """The family's model with the same weights, of Keras' own layers."""
    try:
        copy = keras.models.clone_model(core, clone_function=_plain_layer, recursive=True)
    except ValueError as error:  # Keras clones no model that is a class of its own
        raise NotPlainError(f"{core.name}: expected a model that is a graph of layers: {error}") from error
    copy.set_weights(core.get_weights())
    return copy


def _plain_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer of the nearest class of Keras; how it would start does not matter, as it gets weights."""
    kind: Any = type(layer)
    own: Any = next(base for base in kind.__mro__ if base.__module__.startswith(OWNER))
    computes_alike = kind.call is own.call or kind is BatchNormalization
    if not computes_alike or own is keras.layers.Layer:
        raise NotPlainError(f"layer {layer.name}: expected one that computes as a layer of Keras, received {kind}")
    settings = {name: value for name, value in layer.get_config().items() if not name.endswith("_initializer")}
    foreign = ["a function"] if own.__name__ == CODE else sorted(set(_foreign(settings)))
    if foreign:
        raise NotPlainError(f"layer {layer.name}: expected objects of Keras alone, received {', '.join(foreign)}")
    return own.from_config(settings)


def _foreign(value: Any) -> Iterator[str]:
    """The objects in a layer's configuration that are not Keras' own."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _foreign(each)
    if isinstance(value, dict):
        is_own = f"{value.get('module', OWNER)}.".startswith(OWNER) and not value.get("registered_name")
        if "class_name" in value and not is_own:
            yield str(value["class_name"])
        yield from _foreign(list(value.values()))
