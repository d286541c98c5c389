"""Single images in memory: noise, and the samples and collections that stand for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.data.collected.collection import Collection, collect
from tasks.data.images import picture, pixels
from tasks.data.part import Sample
from tasks.settings.dataset import Canvas


def noise(n: int, seed: int = 0, side: int = 8) -> np.ndarray:
    """`n` different images, uint8 [n, side, side, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), np.uint8)


def decoded(image: bytes | np.ndarray, canvas: Canvas) -> np.ndarray:
    """The pixels that an image file, or pixels, become on a canvas."""
    return pixels(picture(image, canvas))


def sample(image: np.ndarray, label: str = "a", part: str | None = None, group: str | None = None, name: str = ""):
    """The sample of an image, whose name is made of its first pixels where none is given."""
    return Sample(name or f"{image.ravel()[:8].tobytes().hex()}.png", label, lambda: image, part, group)


def collected(samples: Sequence[Sample], folder: Path) -> Collection:
    """The collection of samples of one size."""
    height, width, _ = samples[0].image().shape
    return collect(samples, Canvas(height, width, "rgb", "crop"), folder, lambda line: None)
