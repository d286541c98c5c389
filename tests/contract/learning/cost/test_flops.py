"""The operations of real models, against numbers by hand and against TensorFlow's profiler."""

import pytest

from tests.support.lazy import Lazy

keras = Lazy("keras")
counting = Lazy("tasks.learning.cost.flops")
network = Lazy("tasks.learning.network")


def chained(*layers, shape=(8, 8, 3)):
    """The layers one after another, as a graph."""
    images = keras.Input(shape)
    x = images
    for layer in layers:
        x = layer(x)
    return keras.Model(images, x)


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (lambda of: of.Dense(5), (7,), 2 * 7 * 5 + 5),
        (lambda of: of.Dense(5, use_bias=False, activation="relu"), (4, 7), 4 * (2 * 7 * 5 + 5)),
        (lambda of: of.Conv2D(6, 3, padding="same"), (8, 8, 3), 64 * (2 * 9 * 3 * 6 + 6)),
        (lambda of: of.Conv2D(6, 3, strides=2, use_bias=False), (9, 9, 3), 16 * 2 * 9 * 3 * 6),
        (lambda of: of.Conv2D(6, 3, groups=3, padding="same", use_bias=False), (8, 8, 3), 64 * 2 * 9 * 6),
        (lambda of: of.DepthwiseConv2D(3, padding="same", use_bias=False), (8, 8, 3), 64 * 2 * 9 * 3),
        (lambda of: of.SeparableConv2D(6, 3, padding="same"), (8, 8, 3), 64 * (2 * 9 * 3 + 2 * 3 * 6 + 6)),
        (lambda of: of.Conv2DTranspose(6, 2, strides=2, use_bias=False), (4, 4, 3), 16 * 2 * 4 * 3 * 6),
        (lambda of: of.BatchNormalization(), (8, 8, 3), 2 * 192),
        (lambda of: of.MaxPooling2D(2), (8, 8, 3), 4 * 16 * 3),
        (lambda of: of.GlobalAveragePooling2D(), (8, 8, 3), 192),
        (lambda of: of.Activation("gelu"), (8, 8, 3), 192),
        (lambda of: of.Dropout(0.5), (8, 8, 3), 0),
    ],
)
def test_each_layer_is_counted_by_its_rule(make, shape, expected):
    """Two for a multiplication with an addition, one for a bias, an activation, a pooled value."""
    assert counting.flops(chained(make(keras.layers), shape=shape)) == expected


def test_a_layer_that_is_called_twice_counts_twice():
    """What counts are calls, not layers; a model inside a model counts as what is in it."""
    dense = keras.layers.Dense(3, use_bias=False)
    shared = chained(dense, dense, shape=(3,))
    assert counting.flops(shared) == 2 * 2 * 9
    assert counting.flops(chained(shared, keras.layers.ReLU(), shape=(3,))) == 2 * 2 * 9 + 3
    assert counting.flops(keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, use_bias=False)])) == 2 * 9


def test_branches_that_meet_are_added():
    """A shortcut costs one addition for each value."""
    images = keras.Input((8,))
    assert counting.flops(keras.Model(images, keras.layers.Add()([images, images, images]))) == 16


def test_a_layer_of_a_family_counts_by_its_kernel_and_any_other_is_unknown():
    """A stranger's layer with kernel and bias follows the rule; of one with other weights nobody knows the number."""

    class Kernel(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

        def call(self, values):
            return values @ self.kernel

    class Odd(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")

        def call(self, values):
            return values * self.scale

    assert counting.flops(chained(Kernel(), shape=(3,))) == 2 * 3 * 4
    assert counting.flops(chained(keras.layers.Dense(3), Odd(), shape=(3,))) is None
    assert counting.flops(chained(keras.layers.LSTM(3), shape=(5, 3))) is None


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_the_kernels_and_windows_of_the_families_are_the_profilers(family):
    """TensorFlow's profiler counts the same multiplications, biases and windows in the graph that is really run."""
    facts = {"shape": (16, 16, 3), "classes": 4, "budget": 30_000, "mean": (100,) * 3, "std": (50,) * 3}
    model = network.assemble(network.Description(family=family, hyperparameters={"activation": "relu"}, **facts))
    profiled = _profiled(model)
    kernels = sum(profiled.get(name, 0) for name in ("Conv2D", "MatMul", "BiasAdd", "MaxPool", "AvgPool"))
    counted = counting.flops(model)
    assert kernels <= counted <= 1.1 * kernels + 2 * 16 * 16 * 3
    assert counted == pytest.approx(sum(profiled.values()), rel=0.05)


def _profiled(model):
    """The operations by kind, as TensorFlow's profiler counts them for one image."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

    traced = tf.function(lambda x: model(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, *model.input_shape[1:]), tf.uint8)
    )
    _, definition = convert_variables_to_constants_v2_as_graph(traced)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
        options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        options["output"] = "none"
        node = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    found = {}
    while node.children:
        node = node.children[0]
        found[node.name] = node.float_ops
    return found
