"""Weights before the first step: first layers that start from the training images, kernels that start as the identity.

Both families get the same head start. The CNN's first layer whitens patches of the images, and is frozen. The ANN's
first layer starts from the principal components of whole images, and goes on learning. Both layers have `adapt`, as
Keras' `Normalization` has.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

PATCH_FLOOR = 5e-4  # added to the variance of every direction of a patch, so that noise is not amplified
IMAGE_FLOOR = 0.1  # the same for a whole image, whose last directions are almost only noise
EXACT = 4096  # features, up to which all directions are computed: their time grows with the third power

Features = NDArray[np.floating]


def whitening_matrix(features: Features, floor: float) -> Features:
    """The matrix [d, d] whose columns turn centred `features` [n, d] into uncorrelated ones of variance 1.

    The directions of largest variance come first. `floor` is added to each variance, which damps the weak directions.
    PCA whitening: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, appendix A.
    """
    variances, directions = np.linalg.eigh(np.cov(features, rowvar=False))
    return (directions / np.sqrt(np.maximum(variances, 0) + floor))[:, ::-1]


def strongest_directions(features: Features, count: int, floor: float) -> Features:
    """The first `count` columns of the whitening matrix of `features` [n, d], or fewer where there are no more.

    Of many features only these are computed, by random projections: Halko, Martinsson and Tropp, "Finding Structure
    with Randomness", 2011, https://arxiv.org/abs/0909.4061, as scikit-learn has it.
    """
    number, size = features.shape
    if size <= EXACT:
        return whitening_matrix(features, floor)[:, :count]
    from sklearn.utils.extmath import randomized_svd  # its import takes seconds

    centred = features - features.mean(axis=0)
    _, deviations, directions = randomized_svd(centred, min(count, number, size), random_state=0)
    return directions.T / np.sqrt(deviations**2 / (number - 1) + floor)


class PatchWhitening(keras.layers.Conv2D):
    """A frozen convolution that whitens square patches. Its filters are the strongest directions and their negatives.

    Page, https://myrtle.ai/learn/how-to-train-your-resnet-8-bag-of-tricks/; Jordan, https://arxiv.org/abs/2404.00498.
    """

    def __init__(self, filters: int, kernel_size: int, **options: Any):
        super().__init__(filters, kernel_size, padding="same", use_bias=False, trainable=False, **options)

    def adapt(self, images: Features) -> None:
        """Compute the filters from float images [n, h, w, c], as the layer receives them."""
        side, channels = self.kernel_size[0], images.shape[-1]
        windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))[:, ::side, ::side]
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, side * side * channels)
        directions = whitening_matrix(patches, PATCH_FLOOR)[:, : self.filters // 2]
        self.set_weights([np.hstack([directions, -directions]).reshape(side, side, channels, -1)])


class PrincipalDense(keras.layers.Dense):
    """A dense layer without bias that starts from the principal components of its inputs."""

    def __init__(self, units: int, **options: Any):
        super().__init__(units, use_bias=False, **options)

    def adapt(self, features: Features) -> None:
        """Compute the first columns from float features [n, d]; units beyond d keep their random start."""
        (kernel,) = self.get_weights()
        directions = strongest_directions(features, self.units, IMAGE_FLOOR)
        kernel[:, : directions.shape[1]] = directions
        self.set_weights([kernel])


class PartialIdentity(keras.initializers.Initializer):
    """A kernel whose first outputs copy its first inputs; the other outputs start at random (He et al.).

    The kernel is a dense one, [in, out], or a convolution's, [h, w, in, out].
    https://arxiv.org/abs/2404.00498, section 3.2.
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> NDArray[np.floating]:
        """The kernel, float [*shape]."""
        kernel = keras.ops.convert_to_numpy(keras.initializers.HeNormal()(shape, dtype)).copy()
        passed = min(shape[-2:])
        kernel[..., :passed] = 0
        centre = tuple(side // 2 for side in shape[:-2])
        kernel[(*centre, range(passed), range(passed))] = 1
        return kernel
