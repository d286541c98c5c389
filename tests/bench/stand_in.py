"""A stand-in for a dataset, where time alone is measured, which does not ask what is to be seen: noise for pixels."""

import numpy as np

from tasks.learning.network import Description
from tasks.settings.dataset import Dataset


def noise(dataset: Dataset, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 [n, h, w, c], and labels, uint8 [n]."""
    generator = np.random.default_rng(n)
    images = generator.integers(0, 256, (n, *dataset.image_shape), dtype=np.uint8)
    return images, generator.integers(0, len(dataset.classes), n).astype(np.uint8)


def described(dataset: Dataset, family: str) -> Description:
    """The family's network of the dataset's shape and budget, at its default hyper-parameters."""
    channels = dataset.image_shape[-1]
    facts = {"shape": dataset.image_shape, "classes": len(dataset.classes), "budget": dataset.budget}
    return Description(family=family, mean=(120,) * channels, std=(60,) * channels, **facts)
