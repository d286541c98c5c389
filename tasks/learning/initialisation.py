"""Weights before the first step: first layers that start from the training images, kernels that start as the identity.

Both families get the same head start: the CNN filters that whiten patches, frozen; the ANN principal components of
whole images, from which its first layer goes on learning. Both layers `adapt`, as Keras' `Normalization` does.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

PATCH_FLOOR = 5e-4  # of a patch's variance, added to every direction's: noise is not blown up
IMAGE_FLOOR = 0.1  # likewise for a whole image, whose last directions are little but noise

Features = NDArray[np.floating]


def whitening_matrix(features: Features, floor: float) -> Features:
    """Columns that take centred `features` [n, d] to uncorrelated ones of variance 1, largest directions first: [d, d].

    `floor` is added to each direction's variance, so that those with little of their own are damped. PCA whitening:
    Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, appendix A.
    """
    variances, directions = np.linalg.eigh(np.cov(features, rowvar=False))
    return (directions / np.sqrt(np.maximum(variances, 0) + floor))[:, ::-1]


class PatchWhitening(keras.layers.Conv2D):
    """A frozen convolution that whitens square patches: the strongest directions, each with its negative.

    Page, https://myrtle.ai/learn/how-to-train-your-resnet-8-bag-of-tricks/; Jordan, https://arxiv.org/abs/2404.00498.
    """

    def __init__(self, filters: int, kernel_size: int, **options: Any):
        super().__init__(filters, kernel_size, padding="same", use_bias=False, trainable=False, **options)

    def adapt(self, images: Features) -> None:
        """Take the filters from float images [n, h, w, c], as the layer receives them."""
        side, channels = self.kernel_size[0], images.shape[-1]
        windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))[:, ::side, ::side]
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, side * side * channels)
        directions = whitening_matrix(patches, PATCH_FLOOR)[:, : self.filters // 2]
        self.set_weights([np.hstack([directions, -directions]).reshape(side, side, channels, -1)])


class PrincipalDense(keras.layers.Dense):
    """A dense layer, without bias, that starts from the principal components of what it receives."""

    def __init__(self, units: int, **options: Any):
        super().__init__(units, use_bias=False, **options)

    def adapt(self, features: Features) -> None:
        """Take the first columns from float features [n, d]; units beyond d keep their random start."""
        (kernel,) = self.get_weights()
        directions = whitening_matrix(features, IMAGE_FLOOR)[:, : self.units]
        kernel[:, : directions.shape[1]] = directions
        self.set_weights([kernel])


class PartialIdentity(keras.initializers.Initializer):
    """A kernel whose first outputs pass its first inputs on; what outputs are left start at random (He et al.).

    For a dense kernel [in, out] and a convolution's [h, w, in, out]. https://arxiv.org/abs/2404.00498, section 3.2.
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> NDArray[np.floating]:
        """The kernel, float [*shape]."""
        kernel = keras.ops.convert_to_numpy(keras.initializers.HeNormal()(shape, dtype)).copy()
        passed = min(shape[-2:])
        kernel[..., :passed] = 0
        centre = tuple(side // 2 for side in shape[:-2])
        kernel[(*centre, range(passed), range(passed))] = 1
        return kernel
