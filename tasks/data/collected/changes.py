"""The images of one version beside those of the version before."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

NAMED = 10  # files that are named of each kind
COLUMNS = ("digest", "label", "part", "name")


class Entry(NamedTuple):
    """One image of a version: its class and part, by their names, and its own name."""

    label: str
    part: str
    name: str


Index = Mapping[str, Entry]  # by the digest of its content


class Changes(NamedTuple):
    """What became of the images of the version before.

    Attributes:
        previous: the name of that version.
        before: how many images it had.
        added, removed, relabelled: how many came, went, or have another class now.
        shifted: the classes whose share of all images changed, the largest change first.
        shift: that change.
        classes: how many there are in the two versions together.
        files: the first names by kind.
    """

    previous: str | None
    before: int
    added: int
    removed: int
    relabelled: int
    shifted: tuple[str, ...]
    shift: float
    classes: int
    files: Mapping[str, tuple[str, ...]]

    def as_facts(self) -> dict[str, Any]:
        """For `statistics.json`."""
        return {
            "previous": self.previous,
            "added": self.added,
            "removed": self.removed,
            "relabelled": self.relabelled,
            "shifted": self.shift,
            "files": {kind: list(names) for kind, names in self.files.items()},
        }


def changes(before: Index, after: Index, previous: str | None) -> Changes:
    """What happened between the version `previous` and the present one; both have images."""
    kinds = {
        "added": [after[digest].name for digest in after.keys() - before.keys()],
        "removed": [before[digest].name for digest in before.keys() - after.keys()],
        "relabelled": [
            after[digest].name for digest in after.keys() & before.keys() if after[digest].label != before[digest].label
        ],
    }
    old, new = _shares(before), _shares(after)
    moves = {label: abs(new.get(label, 0) - old.get(label, 0)) for label in sorted({*old, *new})}
    shifted = sorted((label for label in moves if moves[label]), key=lambda label: -moves[label])
    return Changes(
        previous=previous,
        before=len(before),
        **{kind: len(names) for kind, names in kinds.items()},
        shifted=tuple(shifted),
        shift=max(moves.values()),
        classes=len(moves),
        files={kind: tuple(sorted(names)[:NAMED]) for kind, names in kinds.items()},
    )


def _shares(index: Index) -> dict[str, float]:
    counts = Counter(entry.label for entry in index.values())
    return {label: number / len(index) for label, number in counts.items()}


def write_index(path: Path, digests: Sequence[str], entries: Sequence[Entry]) -> None:
    """Keep the images of a version as a table, in the order of their digests."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((digest, *entry) for digest, entry in zip(digests, entries, strict=True))


def read_index(path: Path) -> Index:
    """The table that `write_index` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {digest: Entry(*rest) for digest, *rest in rows}
