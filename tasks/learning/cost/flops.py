"""The floating-point operations of one forward pass of one image, counted from a model's layers.

The rule: a multiplication with an addition is two. Every weight of a kernel is used once at every place of its output;
a bias, an activation and a sum of branches are one for each value, and a normalisation is two, as its statistics are
known. Pooling is one for each value of each window, those at the edge too. What only moves or drops values is nothing.
TensorFlow's profiler counts kernels, biases and windows alike. What a processor does for one operation differs: the
exponential of an activation takes longer than a sum.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import keras
from keras import layers

from tasks.learning.layers.mirror import MirrorMean

Tensors = list[keras.KerasTensor]
Rule = Callable[[Any, Tensors, int], int]  # from a layer, its inputs, and the number of values that it gives
RULES: tuple[tuple[tuple[type, ...], Rule], ...] = (
    (
        (
            layers.InputLayer, layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector, layers.Concatenate,
            layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.GaussianNoise,
            layers.GaussianDropout, layers.ZeroPadding1D, layers.ZeroPadding2D, layers.Cropping1D, layers.Cropping2D,
            layers.UpSampling1D, layers.UpSampling2D, layers.Identity,
        ),
        lambda layer, inputs, values: 0,
    ),
    (
        (
            layers.Normalization, layers.Rescaling, layers.BatchNormalization, layers.LayerNormalization,
            layers.GroupNormalization, layers.UnitNormalization,
        ),
        lambda layer, inputs, values: 2 * values,
    ),
    (
        (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax),
        lambda layer, inputs, values: values,
    ),
    (
        (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum),
        lambda layer, inputs, values: (len(inputs) - 1) * values,
    ),
    (
        (layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D),
        lambda layer, inputs, values: prod(layer.pool_size) * values,
    ),
    (
        (
            layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalAveragePooling1D,
            layers.GlobalAveragePooling2D,
        ),
        lambda layer, inputs, values: _values(inputs[0]),
    ),
)  # fmt: skip
SPREADING = (layers.Conv1DTranspose, layers.Conv2DTranspose)  # their kernel is used at every place of the input
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
OF_KERNELS = {*KERNELS, "bias"}  # the weights that the rule of kernels knows


def flops(model: keras.Model) -> int | None:
    """The operations of one image, or None where a layer is of a kind that no rule here counts.

    A layer that a family brings along is counted when its weights are a kernel and a bias, [..., in, out] and [out].
    """
    graph = getattr(model, "_functional", None) or model  # of a Sequential
    by_depth = getattr(graph, "_nodes_by_depth", None)  # there is no public way to every call of every layer
    if by_depth is None:
        return None  # a model that is no graph of layers
    nodes = [node for nodes in by_depth.values() for node in nodes]
    counts = [_counted(node.operation, node.arguments.keras_tensors, node.outputs) for node in nodes]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _counted(layer: keras.Operation, inputs: Tensors, outputs: Tensors) -> int | None:
    """The operations of one call of a layer."""
    if isinstance(layer, keras.Model):
        return flops(layer)
    if isinstance(layer, MirrorMean):
        once = flops(layer.network)
        return None if once is None else 2 * once + 2 * _values(outputs[0])
    for kinds, rule in RULES:
        if isinstance(layer, kinds):
            return rule(layer, inputs, sum(_values(tensor) for tensor in outputs))
    return _of_kernels(layer, inputs[0], outputs[0])


def _of_kernels(layer: keras.Operation, before: keras.KerasTensor, after: keras.KerasTensor) -> int | None:
    """The operations of a layer whose weights are kernels and a bias; None of any other layer."""
    weights = {weight.name: weight for weight in getattr(layer, "weights", ())}
    if not weights or not weights.keys() <= OF_KERNELS or isinstance(layer, layers.EinsumDense):
        return None
    places = _places(before if isinstance(layer, SPREADING) else after)
    total = sum(2 * places * prod(weights[name].shape) for name in KERNELS if name in weights)
    total += _values(after) if "bias" in weights else 0
    activation = getattr(layer, "activation", None)
    return total + (0 if activation in (None, keras.activations.linear) else _values(after))


def _values(tensor: keras.KerasTensor) -> int:
    """The values of one image."""
    return prod(tensor.shape[1:])


def _places(tensor: keras.KerasTensor) -> int:
    """The places of one image, at each of which a tensor has its channels."""
    return prod(tensor.shape[1:-1])
