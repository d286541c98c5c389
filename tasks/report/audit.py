"""What a verification looked at, and what it found: one line for each thing that does not agree, with its place."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.settings.values import Frozen

PRECISION = 1e-9  # relative: the order of a sum may differ between machines, but no digit that a reader sees


class Audit:
    """The number of checks by kind.

    Attributes:
        findings: a line for each thing that does not agree.
        unchecked: a line for each thing that this machine cannot check; it may be right.
    """

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.findings: list[str] = []
        self.unchecked: list[str] = []

    def expect(self, kind: str, where: str, expected: object, received: object) -> None:
        """Count one check; it is a finding unless both values are the same."""
        self.checked[kind] += 1
        if not _same(expected, received):
            self.findings.append(f"{where}: expected {_short(expected)}, received {_short(received)}")

    def agree(self, what: str, reported: Frozen, recomputed: Frozen) -> None:
        """Check every value of a document against the one that was computed again; `what` names the two."""
        received = dict(leaves(reported.model_dump(mode="json")))
        expected = dict(leaves(recomputed.model_dump(mode="json")))
        for place in {**expected, **received}:
            self.expect("values", f"{what}: {place}", expected.get(place), received.get(place))

    def __str__(self) -> str:
        return ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.checked.items()))


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a container, with its path. In the path, a member of a list has a telling name."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value:
        for name, member in zip(_names(value), value, strict=True):
            yield from leaves(member, f"{place}[{name}]")
    else:
        yield place, value


def _names(members: Sequence[Any]) -> list[str]:
    """A name for each member of a list. When two have the same name, their budgets or positions are added."""
    names = [_name(member, index) for index, member in enumerate(members)]
    if len(set(names)) == len(names):
        return names
    return [f"{name}/{m.get('budget', index)}" for index, (name, m) in enumerate(zip(names, members, strict=True))]


def _name(member: Any, index: int) -> str:
    if not isinstance(member, dict):
        return str(index)
    if "stage" in member:
        return stage_place(member)
    return next((str(member[n]) for n in ("name", "family", "number", "seed", "epoch") if n in member), str(index))


def stage_place(record: Mapping[str, Any]) -> str:
    """Which stage a record or a row of a report is of, and where in its run: `train/cifar10/cnn/0`."""
    parts = (record.get(name) for name in ("stage", "dataset", "family", "budget", "seed", "shard"))
    return "/".join(str(part) for part in parts if part is not None)


def _same(expected: object, received: object) -> bool:
    if isinstance(expected, float) and isinstance(received, int | float):
        return math.isclose(expected, received, rel_tol=PRECISION, abs_tol=1e-12)
    return expected == received


def _short(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.300}"
