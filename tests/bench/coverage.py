"""How often the interval of a difference covers the truth, how wide it is, and what its test detects.

Two families' answers are made, with seeds and examples that vary as those of real networks do. Beside the interval
stands that of version 0.2, a bootstrap, for a part of the rounds: it takes a hundred times as long.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.comparison.statistics import looks
from tasks.comparison.statistics.crossed import of_accuracy, of_difference, of_samples
from tasks.comparison.statistics.level import ALPHA
from tests.bench.bootstrap_interval import bootstrapped
from tests.bench.section import Row, Section
from tests.support.crossed_models import Cell, answers

SEEDS = (2, 3, 5, 10)
KINDS = (  # examples, accuracy, spread of a seed's logit, correlation of the families, spread of the examples' logits
    (300, 0.50, 0.02, 0.5, 3), (300, 0.90, 0.10, 0.9, 3), (300, 0.99, 0.05, 0.7, 3),
    (2_000, 0.75, 0.05, 0.3, 2), (2_000, 0.88, 0.02, 0.7, 3), (2_000, 0.88, 0.30, 0.3, 3), (2_000, 0.95, 0.20, 0.7, 3),
    (10_000, 0.60, 0.10, 0.9, 3), (10_000, 0.90, 0.02, 0.7, 4), (1_000, 0.998, 0.05, 0.7, 6),
)  # fmt: skip
CELLS = [
    Cell(seeds, examples, accuracy, spread, correlation, difficulty)
    for seeds, (examples, accuracy, spread, correlation, difficulty) in product(SEEDS, KINDS)
]
COMPARED = 30  # rounds of a cell that version 0.2 gets too
BLOCK = 4_000_000  # answers of a family that are made at a time
GAPS = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02)
REAL = Cell(3, 10_000, 0.9, 0.02)  # seeds, examples and spreads as those of the quick profile
A_NIGHT, NIGHTS = 3, 10  # seeds that are added, and looks
GROWING = [Cell(A_NIGHT * NIGHTS, 2_000, 0.88, spread) for spread in (0.02, 0.1, 0.3)]
RUNS = ((1, 1), (2, 2), (3, 3), (2, 5), (2, 10), (3, 9), (5, 10))  # the seeds of two; a report does not test one seed
SPREADS = (0.02, 0.1, 0.3)
PICTURE = "coverage.png"


class Judged(NamedTuple):
    """What one round shows.

    Attributes:
        covers: the interval of the difference holds the truth; covers_one: that of a single family's accuracy does.
        width: of the interval of the difference; detects: its test says that there is one.
    """

    covers: bool
    covers_one: bool
    width: float
    detects: bool


def coverage(rounds: int, folder: Path) -> Iterator[Section]:
    """A row for each cell of so many `rounds`, and the power at a real size; the picture goes to `folder`."""
    rows = [_row(cell, rounds, number) for number, cell in enumerate(CELLS)]
    yield Section("Coverage of the 95 % interval", rows)
    yield Section("Coverage over the cells", [_summary(rows)])
    yield Section(f"{NIGHTS} looks, {A_NIGHT} seeds more at each", [_looks(cell, rounds // 4) for cell in GROWING])
    yield Section("Between runs", [_runs(*case, rounds) for case in product(RUNS, SPREADS)])
    power = [_power(gap, rounds // 4) for gap in GAPS]
    yield Section(f"What is detected: {REAL}", power)
    folder.mkdir(exist_ok=True)
    _draw(rows, power, folder / PICTURE)


def _row(cell: Cell, rounds: int, seed: int) -> Row:
    now = list(_judged(cell, rounds, seed, is_old=False))
    before = list(_judged(cell, COMPARED, seed, is_old=True))
    return cell._asdict() | {
        "covers, %": _percent(now, "covers"),
        "one family, %": _percent(now, "covers_one"),
        "width, points": 100 * _mean(now, "width"),
        "width to that of 0.2": _mean(now[:COMPARED], "width") / _mean(before, "width"),
    }


def _summary(rows: Sequence[Row]) -> Row:
    covers = [row["covers, %"] for row in rows]
    return {"cells": len(rows), "mean, %": float(np.mean(covers)), "least, %": min(covers), "most, %": max(covers)}


def _looks(cell: Cell, rounds: int) -> Row:
    """In how many series without a difference one look or another finds one, and its interval misses the truth."""
    (families, _), numbers = answers(cell, rounds, 7), range(A_NIGHT, cell.seeds + 1, A_NIGHT)
    found = [
        min(of_difference(family[:seeds], reference[:seeds]).p_value for seeds in numbers)
        for family, reference in zip(*families, strict=True)
    ]
    return {
        "spread": cell.spread,
        "wrong at 5 % each, %": 100 * float(np.mean(np.array(found) < ALPHA)),
        "wrong at the level of the looks, %": 100 * float(np.mean(np.array(found) < looks.level(NIGHTS))),
    }


def _runs(seeds: tuple[int, int], spread: float, rounds: int) -> Row:
    """How often two runs of one configuration are taken for different: on the same test part, and on another one."""
    cell = Cell(max(seeds), 1_000, 0.88, spread, correlation=0.95)
    kinds = {"same test part": (of_difference, cell), "other test part": (of_samples, cell._replace(correlation=0.0))}
    wrong = {}
    for name, (estimate, made) in kinds.items():
        pairs = zip(*answers(made, rounds, 11)[0], strict=True)
        found = [estimate(after[: seeds[0]], before[: seeds[1]]).p_value < ALPHA for after, before in pairs]
        wrong[f"{name}, wrong, %"] = 100 * float(np.mean(found))
    return {"seeds": f"{seeds[0]} and {seeds[1]}", "spread": spread} | wrong


def _power(gap: float, rounds: int) -> Row:
    cell = REAL._replace(gap=gap)
    return {
        "true difference, points": 100 * gap,
        "detected, %": _percent(_judged(cell, rounds, 1, is_old=False), "detects"),
        "detected by 0.2, %": _percent(_judged(cell, rounds // 2, 1, is_old=True), "detects"),
    }


def _judged(cell: Cell, rounds: int, seed: int, *, is_old: bool) -> Iterator[Judged]:
    """Each round of a cell, by the present method, or by that of version 0.2."""
    block = max(1, BLOCK // (cell.seeds * cell.examples))
    for start in range(0, rounds, block):
        families, truth = answers(cell, min(block, rounds - start), 1_000_003 * seed + start)
        for number, pair in enumerate(zip(*families, strict=True)):
            least, greatest = of_accuracy(pair[0]).interval(ALPHA)
            if is_old:
                low, high, p_value = bootstrapped(*pair, start + number)
            else:
                found = of_difference(*pair)
                (low, high), p_value = found.interval(ALPHA), found.p_value
            yield Judged(low <= truth <= high, least <= cell.accuracy <= greatest, high - low, p_value < ALPHA)


def _mean(judged: Sequence[Judged], name: str) -> float:
    return float(np.mean([getattr(each, name) for each in judged]))


def _percent(judged: Iterator[Judged] | Sequence[Judged], name: str) -> float:
    return 100 * _mean(list(judged), name)


def _draw(rows: Sequence[Row], power: Sequence[Row], path: Path) -> None:
    """Left the wrong verdicts without a difference, right what is detected, by the size of the true difference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    null, curves = figure.subplots(1, 2)
    for seeds in SEEDS:
        wrong = [100 - row["covers, %"] for row in rows if row["seeds"] == seeds]
        null.plot(range(1, len(wrong) + 1), wrong, marker="o", label=f"{seeds} seeds")
    null.set(
        xlabel="kind of comparison, as in the table", ylabel="wrong verdicts, %", ylim=(0, 8), title="No difference"
    )
    gaps = [row["true difference, points"] for row in power]
    for name, label in (("detected, %", "now"), ("detected by 0.2, %", "version 0.2")):
        curves.plot(gaps, [row[name] for row in power], marker="o", label=label)
    curves.set(xlabel="true difference, points", ylabel="detected, %", ylim=(0, 101), title=str(REAL))
    for axes in (null, curves):
        axes.axhline(100 * ALPHA, color="grey", linewidth=0.8, linestyle="--")
        axes.legend()
    figure.savefig(path, dpi=100)
