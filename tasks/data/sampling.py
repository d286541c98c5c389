"""A sample of a part, with every class by its share: what a smoke test learns from."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tasks.data.selection import Selection
from tasks.errors import DataError

CLASSES_SHOWN, IMAGES_SHOWN = 12, 8  # at most, of the training part
LEAST = {"train": 2, "test": 1}  # images of each class; the training part is cut in two afterwards


def sampled(official: Mapping[str, Selection], examples: int, seed: int) -> dict[str, Selection]:
    """A sample of at most `examples` images of each of the official parts, `train` and `test`.

    Raises:
        DataError: `examples` are too few for every class.
    """
    return {name: part.at(sample(part.labels, examples, seed, LEAST[name])) for name, part in official.items()}


def sampled_parts(parts: Mapping[str, Selection], examples: int, seed: int) -> dict[str, Selection]:
    """A sample of at most `examples` images of the test part, and of the training and validation part together.

    Raises:
        DataError: `examples` are too few for every class.
    """
    classes = {name: len(np.unique(part.labels)) for name, part in parts.items()}
    _check(examples, max(classes["train"] + classes["validation"], classes["test"]), 1, max(classes.values()))
    validated = len(parts["validation"].rows)
    share = examples * validated // (len(parts["train"].rows) + validated)
    validation = min(max(share, classes["validation"]), examples - classes["train"])
    numbers = {"train": examples - validation, "validation": validation, "test": examples}
    return {name: part.at(sample(part.labels, numbers[name], seed)) for name, part in parts.items()}


def sample_sizes(official: Mapping[str, Selection], used: Mapping[str, Selection]) -> dict[str, dict[str, int]]:
    """By part, how many images there are and how many of them are used."""
    return {name: {"official": len(part.labels), "used": len(used[name].labels)} for name, part in official.items()}


def sample(labels: NDArray[np.unsignedinteger], examples: int, seed: int, least: int = 1) -> NDArray[np.intp]:
    """The places of at most `examples` images of a part with these `labels`, in order; a seed draws the same ones.

    Each class has its share of the sample, to within one image, but never fewer than `least` images while it has them.

    Raises:
        DataError: `examples` are too few for `least` images of each class.
    """
    if examples >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by class; within a class, as they were drawn
    sizes = np.unique(labels, return_counts=True)[1]
    drawn = zip(np.cumsum(sizes) - sizes, shares(sizes, examples, least), strict=True)
    return np.sort(np.concatenate([order[start : start + number] for start, number in drawn]))


def examples(train: Selection) -> Selection:
    """The first images of the first classes, by class: what people are shown of a training part."""
    order = np.argsort(train.labels, kind="stable")
    firsts = np.unique(train.labels[order], return_index=True)[1]
    ends = np.r_[firsts[1:], len(order)]
    shown = [order[first : min(end, first + IMAGES_SHOWN)] for first, end in zip(firsts, ends, strict=True)]
    return train.at(np.concatenate(shown[:CLASSES_SHOWN]))


def shares(sizes: np.ndarray, examples: int, least: int = 1) -> np.ndarray:
    """How many of `examples` each class gets, by the classes' `sizes`; they add up to `examples`, at most all there is.

    Raises:
        DataError: `examples` are too few for `least` images of each class.
    """
    floor = np.minimum(least, sizes)
    _check(examples, int(floor.sum()), least, len(sizes))
    exact = examples * sizes / sizes.sum()
    counts = np.maximum(np.floor(exact).astype(int), floor)
    while counts.sum() < examples:  # the largest remainders are rounded up
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > examples:  # small classes were raised to `least`: the others give way
        counts[np.argmax(np.where(counts > floor, counts - exact, -np.inf))] -= 1
    return counts


def _check(examples: int, enough: int, least: int, classes: int) -> None:
    if examples < enough:
        raise DataError(
            f"expected a sample of at least {enough:,} images, {least} of each of {classes} classes, "
            f"received examples = {examples:,}; raise `examples` in the profile, or leave it out to use all images"
        )
