"""The promises of `tasks.learning.centroids`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid

from tasks.learning import centroids
from tasks.learning.centroids import mean_image, nearest_accuracy


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 40))
@settings(max_examples=30)
def test_the_nearest_centroid_is_that_of_scikit_learn(seed, classes, examples):
    """Means and answers are those of scikit-learn, also where only a few values are in the memory at a time."""
    generator = np.random.default_rng(seed)
    train, test = (generator.integers(0, 256, (number, 3, 2, 1), dtype=np.uint8) for number in (4 * classes, examples))
    labels, truth = np.arange(4 * classes) % classes, generator.integers(0, classes, examples)
    theirs = NearestCentroid().fit(train.reshape(len(train), -1).astype(float), labels)
    ours = np.stack([mean_image(iter(np.split(train[labels == each], 2)), (3, 2, 1)) for each in range(classes)])
    np.testing.assert_allclose(ours.reshape(classes, -1), theirs.centroids_, rtol=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(centroids, "VALUES", 12)
        found = nearest_accuracy(ours, test, truth)
    assert found == pytest.approx(theirs.score(test.reshape(examples, -1).astype(float), truth))


def test_a_class_without_training_images_is_never_answered():
    """Its mean is no number, and the other classes are answered as without it."""
    none = mean_image(iter(()), (2, 2, 1))
    assert np.isnan(none).all()
    dark, bright = (np.full((2, 2, 1), value, np.float32) for value in (10, 200))
    images = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (0, 90, 120, 255)])
    assert nearest_accuracy(np.stack([none, dark, bright]), images, np.array([1, 1, 2, 2])) == 1.0
    assert nearest_accuracy(np.stack([none, dark, bright]), images, np.zeros(4, int)) == 0.0


def test_equally_near_ones_give_the_lower_label():
    """A tie is broken as everywhere: by the lower label, whichever pieces they stand in."""
    same = np.zeros((3, 1, 1, 1), np.float32)
    images = np.zeros((2, 1, 1, 1), np.uint8)
    assert nearest_accuracy(same, images, np.array([0, 1])) == 0.5
