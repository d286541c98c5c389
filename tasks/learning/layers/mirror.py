"""Answers for an image and its mirror image together: better ones than for the image alone, in twice the time.

In training a network sees each image one way. So a training takes no longer.
"""

from typing import Any

import keras


class MirrorMean(keras.layers.Layer):
    """A network that answers, outside training, with the mean of its logits for the image and for its mirror image.

    Attributes:
        network: from float images [n, h, w, c] to logits, float [n, classes].

    Krizhevsky et al., 2012, section 4.1, averages so:
    https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks.
    """

    def __init__(self, network: keras.Model, **options: Any):
        super().__init__(**options)
        self.network = network

    def call(self, images: Any, training: bool | None = None) -> Any:
        """The logits, float [n, classes]."""
        if training:
            return self.network(images, training=True)
        return mean_of_both(self.network, images)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """That of the network."""
        return self.network.compute_output_shape(input_shape)


def mean_of_both(network: keras.Model, images: Any) -> Any:
    """The mean of the logits for `images` [n, h, w, c] and for their mirror images."""
    straight, mirrored = (network(seen, training=False) for seen in (images, keras.ops.flip(images, axis=2)))
    return (straight + mirrored) / 2
