"""A measured table, for a reader as Markdown and for a program as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas

Row = Mapping[str, Any]


class Section(NamedTuple):
    """What one question brought: a row for each thing measured, with its units in the columns' names.

    `notes` are sentences about the table: what is missing in it, and where it was measured.
    """

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table under its title, and its notes."""
        return "\n".join([f"### {self.title}", "", *lines(self.rows), *(f"\n{note}" for note in self.notes)])


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """The table's lines in Markdown, each as soon as its row is there; numbers to three digits."""
    columns: list[str] = []
    for row in rows:
        if not columns:
            columns = list(row)
            yield from (_line(columns), "|---" * len(columns) + "|")
        yield _line(_text(row[column]) for column in columns)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(name: str, values: Iterable[float]) -> Row:
    """The columns `NAME, median` and `NAME, quartiles` of some values; empty cells for none."""
    known = list(values)
    low, middle, high = pandas.Series(known, dtype=float).quantile([0.25, 0.5, 0.75]).tolist()
    return {f"{name}, median": middle if known else None, f"{name}, quartiles": [low, high] if known else None}


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return " to ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
