"""A network as ONNX, which needs neither Keras nor TensorFlow.

ONNX: https://onnx.ai/onnx/. The converter: https://github.com/onnx/tensorflow-onnx.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from tasks.learning.portable.plain import INPUT, OUTPUT

OPSET = 18  # of ONNX; 1.13 and later read it


def write(model: keras.Model, path: Path, facts: Mapping[str, str]) -> None:
    """Write what `plain.plain` returns as ONNX to `path`, with `facts` as its metadata.

    The input is `images`, uint8 [n, h, w, c], and the output `probabilities`, float32 [n, classes], for any n.
    """
    _, standardisation, core, temperature, _ = model.layers
    mean, deviation = _scaling(standardisation)

    # Mean and deviation are constants of the graph: what Keras' layer of them holds would become inputs.
    def probabilities(images: tf.Tensor) -> dict[str, tf.Tensor]:
        standardised = (tf.cast(images, tf.float32) - mean) / deviation
        return {OUTPUT: tf.nn.softmax(core(standardised, training=False) * np.float32(temperature.scale))}

    graph, _ = tf2onnx.convert.from_function(
        tf.function(probabilities),
        input_signature=[tf.TensorSpec(model.input_shape, tf.uint8, name=INPUT)],
        opset=OPSET,
        custom_op_handlers={"Erfc": (_erfc, [])},
    )
    onnx.helper.set_model_props(graph, dict(facts))
    onnx.checker.check_model(graph)
    onnx.save_model(graph, path)


def _scaling(standardisation: keras.layers.Normalization) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the pixel values, float32 [c], as the layer computes with them."""
    settings = standardisation.get_config()
    deviation = np.sqrt(np.asarray(settings["variance"], np.float32))
    return np.asarray(settings["mean"], np.float32), np.maximum(deviation, np.float32(keras.config.epsilon()))


def _erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Turn TensorFlow's Erfc, which its GELU uses and ONNX lacks, into 1 - Erf."""
    node.type = "Erf"
    one = context.make_const(tf2onnx.utils.make_name("one"), np.float32(1))
    difference = context.insert_new_node_on_output("Sub", node.output[0], name=tf2onnx.utils.make_name(name))
    context.replace_inputs(difference, [one.output[0], node.output[0]])
