"""What the rounds of a soak brought, for people: a line a round, a table by kind of fault, what differs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tests.soak.faults import KINDS

HEAD = "| fault | rounds | hit | stages that it hit | typed | retries | median time | undisturbed | equal |"


def differences(expected: Mapping[str, Any], received: Mapping[str, Any]) -> list[str]:
    """A line for each place in which the numbers of two reports are not the same."""
    return [
        f"report: {place}: expected {expected.get(place)!r}, received {received.get(place)!r}"
        for place in {**expected, **received}
        if expected.get(place) != received.get(place)
    ]


def line(found: Mapping[str, Any]) -> str:
    """One round, and below it what went wrong."""
    hit = "nothing to hit" if found["hit"] is None else ", ".join(found["hit"]) or "between stages"
    cost = f"{found['seconds']:.0f} s, typed {found['typed']}, retries {found['retries']}"
    verdict = "WRONG" if found["wrong"] else "equal"
    head = f"{found['round']:>3} {found['kind']:<10} at {found['moment']:>4.0%}  {hit}: {cost}: {verdict}"
    return "\n    ".join([head, *found["wrong"]])


def table(rounds: Sequence[Mapping[str, Any]], undisturbed: float) -> str:
    """Markdown: a row for each kind of fault, and one for all."""
    kinds = {kind: [each for each in rounds if each["kind"] == kind] for kind in KINDS} | {"all": [*rounds]}
    rows = [_row(kind, found, undisturbed) for kind, found in kinds.items() if found]
    return "\n".join([HEAD, "|---|" + "---:|" * 2 + "---|" + "---:|" * 5, *rows])


def _row(kind: str, found: Sequence[Mapping[str, Any]], undisturbed: float) -> str:
    hits = [each["hit"] for each in found if each["hit"] is not None]
    stages = Counter(stage.split()[0] for hit in hits for stage in hit)
    cells = (
        kind,
        len(found),
        len(hits),
        ", ".join(f"{stage} {number}" for stage, number in stages.most_common()),
        sum(each["typed"] for each in found),
        sum(each["retries"] for each in found),
        f"{median(each['seconds'] for each in found):.0f} s",
        f"{undisturbed:.0f} s",
        f"{sum(not each['wrong'] for each in found)} of {len(found)}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"
