"""The optimizers against plain references in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lazy import Lazy

keras = Lazy("keras")
optimizers = Lazy("tasks.learning.optimizers")


@given(st.integers(2, 5_000), st.floats(1e-4, 0.1), st.floats(0, 1))
@settings(max_examples=60)
def test_the_cycle_rises_in_a_line_and_falls_as_a_cosine(steps, peak, part):
    """At any step; it starts at zero, and is back there at the last."""
    step = round(part * steps)
    rise = math.ceil(optimizers.WARM_UP * steps)
    fall = (step - rise) / max(1, steps - rise)
    expected = peak * step / rise if step < rise else peak * (1 + math.cos(math.pi * min(1, fall))) / 2
    assert float(optimizers.cycle(peak, steps)(step)) == pytest.approx(expected, abs=1e-4 * peak)


def orthogonalised(matrix, steps=5):
    """Jordan's quintic Newton-Schulz iteration, as his article writes it."""
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / np.linalg.norm(x)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


@pytest.mark.parametrize("shape", [(6, 4), (4, 9), (3, 3, 2, 5), (2, 2, 12, 7)])
def test_muon_of_a_kernel_is_the_reference(shape):
    """Three steps of a dense kernel, and of a convolution's as the matrix [h·w·in, out]: momentum, decay, scale."""
    generator = np.random.default_rng(0)
    start = generator.normal(size=shape)
    gradients = generator.normal(size=(3, *shape))
    kernel = keras.Variable(start.astype(np.float32), name="kernel")
    optimizer = optimizers.Muon(0.05, weight_decay=0.1, adam_weight_decay=0.1)
    optimizer.build([kernel])
    expected, momentum = start, np.zeros(shape)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [kernel])
        momentum = 0.95 * momentum + gradient
        matrix = (gradient + 0.95 * momentum).reshape(-1, shape[-1])
        step = orthogonalised(matrix) * 0.2 * math.sqrt(max(matrix.shape))
        expected = expected * (1 - 0.05 * 0.1) - 0.05 * step.reshape(shape)
    assert np.allclose(np.asarray(kernel), expected, atol=2e-4)


@pytest.mark.parametrize(("shape", "layer"), [((5,), "convolution"), ((6, 3), "head")])
def test_all_but_kernels_and_the_head_s_are_adamw_s(shape, layer):
    """Vectors, and the last layer's kernel, take the very steps of AdamW."""
    generator = np.random.default_rng(0)
    start, gradients = generator.normal(size=shape), generator.normal(size=(3, *shape))
    reached = []
    for optimizer in (
        optimizers.Muon(0.05, weight_decay=0.1, adam_weight_decay=0.1),
        keras.optimizers.AdamW(0.05, weight_decay=0.1),
    ):
        with keras.name_scope(layer):
            variable = keras.Variable(start.astype(np.float32), name="kernel")
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
        reached.append(np.asarray(variable))
    assert np.allclose(*reached, atol=1e-6)
