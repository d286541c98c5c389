"""How often the gate promotes a candidate that is no better, and how often one that is better by a point.

Both sides' answers are made, with seeds and examples that vary as those of real networks do. An equal candidate is the
same configuration under other seeds.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from tasks.comparison.gate import Evidence, Side, judgement
from tasks.comparison.schema.promotion import Floor
from tasks.comparison.words.promotion import Words
from tasks.settings.promotion import Promotion
from tests.bench.section import Row, Section
from tests.support.crossed_models import Cell, answers

SEEDS = ((2, 2), (3, 3), (5, 5), (3, 5), (2, 10))  # of the candidate and of the champion
EXAMPLES = (300, 2_000, 10_000)
SPREADS = (0.02, 0.1, 0.3)  # of a seed's logit; real runs show 0.02
ACCURACY, CORRELATION = 0.88, 0.95
CLASSES = tuple("abcdefghij")
BY_LEAD = Promotion(max_class_drop=None)  # what the other rules refuse is not promoted either
CANDIDATES = 10  # one after the other, on one test part
POINT = 0.01
BLOCK = 4_000_000  # answers of a side that are made at a time
WORDS = Words(fewest_seeds=2, candidate="the candidate", champion="the champion")
Hits = np.ndarray


def promotion(rounds: int) -> Iterator[Section]:
    """So many `rounds` for each kind of equal candidates; a quarter of it for the others."""
    cases = list(product(SEEDS, EXAMPLES, SPREADS))
    rows = [_equal(*case, rounds, number) for number, case in enumerate(cases)]
    yield Section("Equal candidates that `better` promotes", rows)
    yield Section("Equal candidates, over all kinds", [_summary(rows)])
    series = [_series(spread, rounds // 4) for spread in SPREADS]
    yield Section(f"{CANDIDATES} equal candidates in a row, 3 seeds, 2,000 examples", series)
    better = product(SEEDS[:3], EXAMPLES, SPREADS[:2])
    yield Section("Candidates that are better by a point", [_better(*case, rounds // 4) for case in better])


def _equal(seeds: tuple[int, int], examples: int, spread: float, rounds: int, number: int) -> Row:
    cell = Cell(max(seeds), examples, ACCURACY, spread, CORRELATION)
    passed = [_passes(own[: seeds[0]], other[: seeds[1]], BY_LEAD) for own, other in _pairs(cell, rounds, number)]
    return _kind(seeds, examples, spread) | {"promoted, %": 100 * float(np.mean(passed))}


def _summary(rows: list[Row]) -> Row:
    wrong = [row["promoted, %"] for row in rows]
    return {"kinds": len(wrong), "mean, %": float(np.mean(wrong)), "least, %": min(wrong), "most, %": max(wrong)}


def _series(spread: float, rounds: int) -> Row:
    """How often at least one of several equal candidates is promoted; the first side is the champion."""
    each = 3
    cell = Cell(each * (CANDIDATES + 1), 2_000, ACCURACY, spread)
    wrong = []
    for models, _ in _pairs(cell, rounds, 5):
        champion, *candidates = np.split(models, CANDIDATES + 1)
        wrong.append(any(_passes(candidate, champion, BY_LEAD) for candidate in candidates))
    return {"spread": spread, "at least one promoted, %": 100 * float(np.mean(wrong))}


def _better(seeds: tuple[int, int], examples: int, spread: float, rounds: int) -> Row:
    cell = Cell(max(seeds), examples, ACCURACY, spread, CORRELATION, gap=POINT)
    passed = [_passes(own, other, Promotion()) for own, other in _pairs(cell, rounds, 3)]
    return _kind(seeds, examples, spread) | {"promoted, %": 100 * float(np.mean(passed))}


def _kind(seeds: tuple[int, int], examples: int, spread: float) -> Row:
    return {"seeds": f"{seeds[0]} and {seeds[1]}", "examples": examples, "spread": spread}


def _pairs(cell: Cell, rounds: int, seed: int) -> Iterator[tuple[Hits, Hits]]:
    """Whether the models of both sides were right, round by round."""
    block = max(1, BLOCK // (cell.seeds * cell.examples))
    for start in range(0, rounds, block):
        sides, _ = answers(cell, min(block, rounds - start), 1_000_003 * seed + start)
        yield from zip(*sides, strict=True)


def _passes(candidate: Hits, champion: Hits, rules: Promotion) -> bool:
    labels = np.arange(candidate.shape[1]) % len(CLASSES)
    floor = Floor(majority=1 / len(CLASSES))
    evidence = Evidence(labels, CLASSES, Side(candidate), Side(champion), floor, looks=1, words=WORDS)
    return judgement(evidence, rules).passed
