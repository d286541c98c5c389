"""The gate: what was found wrong with data, listed, or refused when it is too much.

`tasks.settings.dataset.Gate` says how much that is.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.collected.changes import Changes
from tasks.data.collected.collection import Collection
from tasks.data.collected.contents import Contents, Rows
from tasks.errors import DataError
from tasks.settings.dataset import Gate

TINY = 10  # a class of fewer images is named
UNEVEN = 2.0  # times that the largest class is larger than the smallest, from which on it is said
NAMED = 10  # files that a finding names
SHOWN = 3  # files that a message names


class Finding(NamedTuple):
    """One thing that is wrong with data.

    Attributes:
        found, of: how many images, or classes, out of how many.
            Of `imbalance`, the images of the largest class and of the smallest.
        share: what is compared with the limit: one of the other, or the largest change of a class's share.
        limit: the largest share that is accepted; None accepts all.
        files: the names of the first images, or classes.
    """

    name: str
    found: int
    of: int
    share: float
    limit: float | None
    files: tuple[str, ...]

    @property
    def is_too_much(self) -> bool:
        """Whether data with it are refused."""
        return self.limit is not None and self.share > self.limit

    def __str__(self) -> str:
        names = f", such as {', '.join(self.files[:SHOWN])}" if self.files else ""
        return (
            f"{self.name}: expected a share of at most {self.limit:g}, received {self.share:.3g}: {self.found:,} of "
            f"{self.of:,}{names}"
        )


def of_images(collection: Collection, contents: Contents, gate: Gate) -> list[Finding]:
    """What is wrong with single images."""
    total = len(collection.names)
    given = np.array([part is not None for part in collection.parts])
    lost = np.concatenate([contents.crossing, contents.alike])

    def found(name: str, rows: Rows, limit: float | None = None) -> Finding:
        names = tuple(sorted(collection.names[row] for row in rows)[:NAMED])
        return Finding(name, len(rows), total, len(rows) / total, limit, names)

    unreadable, every = len(collection.corrupt), total + len(collection.corrupt)
    reasons = tuple(f"{image.name} ({image.reason})" for image in collection.corrupt[:NAMED])
    return _notable(
        [
            Finding("corrupt", unreadable, every, unreadable / every, gate.corrupt, reasons),
            found("conflicting", contents.conflicting, gate.conflicting),
            found("crossing", lost[given[lost]], gate.crossing),
            found("alike", lost[~given[lost]]),
            found("repeated", contents.repeated),
        ]
    )


def of_classes(counts: NDArray[np.integer], classes: Sequence[str], gate: Gate) -> list[Finding]:
    """What is wrong with the classes' sizes: `counts` [3, k], images by part and class, at least one."""
    sizes = counts.sum(axis=0)
    largest, smallest = sizes.argmax(), np.where(sizes > 0, sizes, sizes.max()).argmin()
    ratio = float(sizes[largest] / sizes[smallest])
    ends = (classes[largest], classes[smallest])

    def named(name: str, is_so: NDArray[np.bool_]) -> Finding:
        files = tuple(classes[index] for index in np.flatnonzero(is_so)[:NAMED])
        return Finding(name, int(is_so.sum()), len(classes), float(is_so.mean()), None, files)

    uneven = Finding("imbalance", int(sizes[largest]), int(sizes[smallest]), ratio, gate.imbalance, ends)
    return [
        *([uneven] if ratio >= UNEVEN or uneven.is_too_much else []),
        *_notable([named("tiny", sizes < TINY), named("untrained", counts[0] == 0)]),
    ]


def of_changes(changes: Changes | None, gate: Gate) -> list[Finding]:
    """What is different from the version before."""
    if changes is None:
        return []

    def found(name: str, number: int, limit: float) -> Finding:
        return Finding(name, number, changes.before, number / changes.before, limit, changes.files[name])

    shifted = Finding(
        "shifted", len(changes.shifted), changes.classes, changes.shift, gate.shifted, tuple(changes.shifted[:NAMED])
    )
    return _notable(
        [
            found("added", changes.added, gate.added),
            found("removed", changes.removed, gate.removed),
            found("relabelled", changes.relabelled, gate.relabelled),
            *([shifted] if shifted.is_too_much else []),
        ]
    )


def _notable(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.found]


def check(findings: Sequence[Finding]) -> None:
    """Let the data pass, or not.

    Raises:
        DataError: a line for each finding that is too much.
    """
    if lines := [str(finding) for finding in findings if finding.is_too_much]:
        advice = "correct the data, or raise the limit under [gate] in the dataset's file"
        raise DataError("\n".join(f"gate: {line}; {advice}" for line in lines))


def as_facts(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings for `statistics.json`."""
    return [finding._asdict() | {"files": list(finding.files)} for finding in findings]
