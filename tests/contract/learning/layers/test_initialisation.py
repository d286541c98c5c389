"""Weights before the first step, against plain references in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lazy import Lazy

keras = Lazy("keras")
initialisation = Lazy("tasks.learning.layers.initialisation")
network = Lazy("tasks.learning.network")


def correlated(seed, n=400, d=6):
    """Features [n, d] of which each depends on the others."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) + generator.normal(size=d)


@given(st.integers(0, 1_000), st.sampled_from([1e-9, 0.1, 1.0]))
def test_whitened_features_are_uncorrelated(seed, floor):
    """Their covariance is diagonal; a direction of variance v comes out with v / (v + floor), largest first."""
    features = correlated(seed)
    whitened = (features - features.mean(axis=0)) @ initialisation.whitening_matrix(features, floor)
    variances = np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2 / (len(features) - 1)
    assert np.allclose(np.cov(whitened, rowvar=False), np.diag(variances / (variances + floor)), atol=1e-6)


@pytest.mark.parametrize(("side", "channels"), [(2, 3), (3, 1)])
def test_patch_filters_whiten_patches(side, channels):
    """What the layer answers inside an image is the whitened patch, one by one, and its negative."""
    images = (
        np.random.default_rng(1).normal(size=(200, 9, 9, channels)).cumsum(axis=1).cumsum(axis=2).astype(np.float32)
    )
    directions = side * side * channels
    layer = initialisation.PatchWhitening(2 * directions, side)
    layer.build(images.shape)
    layer.adapt(images)
    answers = np.asarray(layer(images[:3]))
    starts = range(0, 9 - side + 1, side)
    patches = [i[r : r + side, c : c + side].ravel() for i in images for r in starts for c in starts]
    matrix = initialisation.whitening_matrix(np.array(patches, np.float64), 5e-4)
    before = (side - 1) // 2  # padding "same" puts the smaller half first
    for row, column in ((2, 2), (4, 3)):
        patch = images[0, row - before : row - before + side, column - before : column - before + side].ravel()
        expected = patch.astype(np.float64) @ matrix
        assert np.allclose(answers[0, row, column, :directions], expected, atol=1e-3 * np.abs(expected).max())
        assert np.allclose(answers[0, row, column, directions:], -expected, atol=1e-3 * np.abs(expected).max())
    assert layer.trainable_variables == []


@pytest.mark.parametrize("units", [4, 6, 9])
def test_a_principal_layer_starts_from_the_components(units):
    """Its first columns are the strongest directions; what units are left keep a start of their own, and all learn."""
    features = correlated(0).astype(np.float32)
    layer = initialisation.PrincipalDense(units)
    layer.build(features.shape)
    before = layer.get_weights()[0]
    layer.adapt(features)
    kernel, known = layer.get_weights()[0], min(units, 6)
    assert np.allclose(kernel[:, :known], initialisation.whitening_matrix(features, 0.1)[:, :known], atol=1e-5)
    assert np.array_equal(kernel[:, known:], before[:, known:])
    assert len(layer.trainable_variables) == 1


@given(st.sampled_from([1, 3, 5]), st.integers(1, 7), st.integers(1, 7))
def test_a_convolution_starts_by_passing_its_input_on(side, before, after):
    """Its first outputs are its first inputs, pixel for pixel; what outputs are left are not zero."""
    images = np.random.default_rng(0).normal(size=(2, 6, 6, before)).astype(np.float32)
    layer = keras.layers.Conv2D(after, side, padding="same", kernel_initializer=initialisation.PartialIdentity())
    answers, passed = np.asarray(layer(images)), min(before, after)
    assert np.allclose(answers[..., :passed], images[..., :passed], atol=1e-6)
    assert np.abs(answers[..., passed:]).min(initial=1) > 0


def test_a_dense_layer_starts_by_passing_its_input_on():
    """The same for a matrix."""
    features = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    answers = np.asarray(keras.layers.Dense(7, kernel_initializer=initialisation.PartialIdentity())(features))
    assert np.allclose(answers[:, :4], features, atol=1e-6)


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_network_adapts_its_first_layer_to_standardised_images(family):
    """The one layer that starts from data gets it as it will receive it, and no other weight changes."""
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 1), np.uint8)
    facts = {"shape": (8, 8, 1), "classes": 3, "budget": 6_000, "mean": (90,), "std": (50,)}
    model = network.assemble(network.Description(family=family, **facts))
    before = [weight.copy() for weight in model.get_weights()]
    network.adapt(model, images)
    changed = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] + [False] * (len(before) - 1)


def test_the_strongest_directions_of_many_features_are_those_of_few(monkeypatch):
    """Above the limit, where not all directions are computed, the first ones are the same but for their sign."""
    generator = np.random.default_rng(0)
    strengths = 10 * 0.5 ** np.arange(60)
    features = generator.normal(size=(300, 60)) * strengths @ np.linalg.qr(generator.normal(size=(60, 60)))[0]
    exact = initialisation.strongest_directions(features, 5, 0.1)
    monkeypatch.setattr(initialisation, "EXACT", 10)
    found = initialisation.strongest_directions(features, 5, 0.1)
    signs = np.sign((exact * found).sum(axis=0))
    assert found.shape == (60, 5)
    assert np.allclose(found * signs, exact, atol=1e-4 * np.abs(exact).max())
    assert initialisation.strongest_directions(features[:3], 5, 0.1).shape == (60, 3)
