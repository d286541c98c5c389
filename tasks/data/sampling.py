"""A sample of a part, with every class by its share: what a smoke test learns from."""

from collections.abc import Mapping

import numpy as np

from tasks.data.part import Part
from tasks.errors import DataError

LEAST = {"train": 2, "test": 1}  # images of each class; the training part is cut in two afterwards


def sampled(official: Mapping[str, Part], examples: int, seed: int) -> dict[str, Part]:
    """A sample of at most `examples` images of each of the official parts, `train` and `test`.

    Raises:
        DataError: `examples` are too few for every class.
    """
    return {name: sample(part, examples, seed, LEAST[name]) for name, part in official.items()}


def sample_sizes(official: Mapping[str, Part], used: Mapping[str, Part]) -> dict[str, dict[str, int]]:
    """By part, how many images there are and how many of them are used."""
    return {name: {"official": len(part.labels), "used": len(used[name].labels)} for name, part in official.items()}


def sample(part: Part, examples: int, seed: int, least: int = 1) -> Part:
    """At most `examples` images of `part`, in their order; the same seed draws the same ones.

    Each class has its share of the sample, to within one image, but never fewer than `least` images while it has them.

    Raises:
        DataError: `examples` are too few for `least` images of each class.
    """
    if examples >= len(part.labels):
        return part
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(part.labels))
    labels, sizes = np.unique(part.labels, return_counts=True)
    numbers = zip(labels, shares(sizes, examples, least), strict=True)
    drawn = [order[part.labels[order] == label][:number] for label, number in numbers]
    rows = np.sort(np.concatenate(drawn))
    return Part(part.images[rows], part.labels[rows])


def shares(sizes: np.ndarray, examples: int, least: int = 1) -> np.ndarray:
    """How many of `examples` each class gets, by the classes' `sizes`; they add up to `examples`, at most all there is.

    Raises:
        DataError: `examples` are too few for `least` images of each class.
    """
    floor = np.minimum(least, sizes)
    if examples < floor.sum():
        raise DataError(
            f"expected a sample of at least {floor.sum():,} images, {least} of each of {len(sizes)} classes, "
            f"received examples = {examples:,}; raise `examples` in the profile, or leave it out to use all images"
        )
    exact = examples * sizes / sizes.sum()
    counts = np.maximum(np.floor(exact).astype(int), floor)
    while counts.sum() < examples:  # the largest remainders are rounded up
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > examples:  # small classes were raised to `least`: the others give way
        counts[np.argmax(np.where(counts > floor, counts - exact, -np.inf))] -= 1
    return counts
