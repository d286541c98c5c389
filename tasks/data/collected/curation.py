"""From a collection of single images to the parts of a dataset: classes, parts, one row for each content, the gate."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data import arrays
from tasks.data.arrays import INDEX
from tasks.data.collected import gate as gates
from tasks.data.collected.changes import Changes, Entry, changes, read_index, write_index
from tasks.data.collected.collection import Collection
from tasks.data.collected.contents import Contents, contents
from tasks.data.collected.parts import NAMES, Codes, parts_of
from tasks.data.part import LABELS
from tasks.data.readers import classes_of
from tasks.data.selection import Selection
from tasks.errors import DataError
from tasks.settings.dataset import Gate, Parts

LEAST_CLASSES = 2
RARE = 0.01  # how seldom a part may be empty by chance, of so many images as a message asks for


class Curated(NamedTuple):
    """A dataset of single images.

    Attributes:
        classes: their names, in the order of their labels.
        parts: the training, validation and test part; the rows of each are in the order of the images' digests.
        facts: `gate`, what was found, and `changes` since the version before.
    """

    classes: tuple[str, ...]
    parts: dict[str, Selection]
    facts: dict[str, Any]


class Rules(NamedTuple):
    """What a dataset says of its images: the classes that are declared, if any, the parts' shares, and the gate.

    `salt` is what the parts hang on besides the images.
    """

    classes: tuple[str, ...]
    parts: Parts
    gate: Gate
    salt: str


def curated(collection: Collection, rules: Rules, previous: Path | None, folder: Path) -> Curated:
    """Choose the images of each part, and write the table of all of them into `folder`.

    Args:
        previous: a folder with what was written of the version before.

    Raises:
        DataError: there are no two classes, a part is empty, or the gate refuses the data.
    """
    numbers, classes = classes_of({*collection.labels}, rules.classes)
    labels = np.array([numbers[label] for label in collection.labels], LABELS)
    _check_classes(classes, labels)
    codes = parts_of(collection.parts, collection.groups, collection.hashes, rules.parts, rules.salt)
    chosen = contents(collection, labels, codes)
    found = gates.of_images(collection, chosen, rules.gate)
    gates.check(found)
    parts = _parts(collection, chosen, labels, codes)
    _check_parts(parts, rules.parts, np.bincount(codes, minlength=len(NAMES)))
    digests, entries = _entries(collection, chosen, [classes[label] for label in labels], codes)
    write_index(folder / INDEX, digests, entries)
    change = changed_since(previous, digests, entries) if previous else None
    more = [*gates.of_classes(_counts(parts, classes), classes, rules.gate), *gates.of_changes(change, rules.gate)]
    gates.check(more)
    facts = {"gate": gates.as_facts([*found, *more]), "changes": change.as_facts() if change else None}
    return Curated(classes, parts, facts)


def _counts(parts: Mapping[str, Selection], classes: Sequence[str]) -> NDArray[np.integer]:
    """How many images there are by part and class, [3, k]."""
    return np.stack([np.bincount(part.labels, minlength=len(classes)) for part in parts.values()])


def _check_classes(classes: Sequence[str], labels: NDArray[np.unsignedinteger]) -> None:
    present = np.unique(labels)
    if len(present) < LEAST_CLASSES:
        raise DataError(
            f"expected images of at least {LEAST_CLASSES} classes, received {len(labels):,} of one: "
            f"{classes[present[0]]}; put the images of each class into a folder of its own, or name the labels' column"
        )


def _parts(
    collection: Collection, chosen: Contents, labels: NDArray[np.unsignedinteger], codes: Codes
) -> dict[str, Selection]:
    """The rows that are kept, by part."""
    rows = {name: chosen.kept[codes[chosen.kept] == code] for code, name in enumerate(NAMES)}
    return {name: Selection(collection.images, own, labels[own]) for name, own in rows.items()}


def _check_parts(parts: Mapping[str, Selection], shares: Parts, before: NDArray[np.integer]) -> None:
    """Refuse an empty part; `before` says how many images each had before repeated ones were left out."""
    total = sum(len(part.rows) for part in parts.values())
    share = {"train": 1 - shares.validation - shares.test, "validation": shares.validation, "test": shares.test}
    for (name, part), number in zip(parts.items(), before.tolist(), strict=True):
        if len(part.rows):
            continue
        if number:
            raise DataError(
                f"{name} part: expected images of its own, received {number:,} that are left out: another part has the "
                "same, or nearly the same, or they have two labels; give the part other images"
            )
        enough = math.ceil(math.log(RARE) / math.log(1 - share[name]))
        raise DataError(
            f"{name} part: expected images, received none among {total:,} different ones; at a share of "
            f"{share[name]:.2g}, {enough:,} images fill it almost surely: add images, change the shares under "
            "[parts] in the dataset's file, or give the part at the source"
        )


def _entries(
    collection: Collection, chosen: Contents, labels: Sequence[str], codes: Codes
) -> tuple[list[str], list[Entry]]:
    """The digests of the images that are kept, and what the table says of each."""
    rows = chosen.kept.tolist()
    digests = [collection.digests[row].tobytes().hex() for row in rows]
    return digests, [Entry(labels[row], NAMES[codes[row]], collection.names[row]) for row in rows]


def changed_since(folder: Path, digests: Sequence[str], entries: Sequence[Entry]) -> Changes:
    """What changed since the version that was written into `folder`."""
    before = read_index(folder / INDEX)
    return changes(before, dict(zip(digests, entries, strict=True)), arrays.facts(folder)["version"])
