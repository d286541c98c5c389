"""Made answers of two families whose seeds and examples vary as those of real networks do, with a known truth."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

NODES, WEIGHTS = special.roots_hermitenorm(80)


class Cell(NamedTuple):
    """One kind of comparison.

    Attributes:
        accuracy: of the first family; the other is worse by `gap`.
        spread: the standard deviation of a seed's logit. Real runs show 0.02.
        correlation: of the examples' difficulty for the two families.
        difficulty: the standard deviation of the examples' logits.
    """

    seeds: int
    examples: int
    accuracy: float
    spread: float
    correlation: float = 0.7
    difficulty: float = 3.0
    gap: float = 0.0

    def __str__(self) -> str:
        return f"{self.seeds} seeds, {self.examples} examples, {self.accuracy:.0%}, spread {self.spread}"


def answers(cell: Cell, rounds: int, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Whether each model was right, bool [rounds, seeds, examples] for each family, and the true difference."""
    generator = np.random.default_rng(seed)
    shape = (rounds, 1, cell.examples)
    shared, own = (generator.standard_normal(shape, np.float32) for _ in range(2))
    hardness = shared, cell.correlation * shared + np.sqrt(1 - cell.correlation**2) * own
    centres = [_centre(accuracy, cell.difficulty) for accuracy in (cell.accuracy, cell.accuracy - cell.gap)]
    first, second = (_hits(cell, centre, hard, generator) for centre, hard in zip(centres, hardness, strict=True))
    truth = [_mean(centre, np.hypot(cell.difficulty, cell.spread)) for centre in centres]
    return (first, second), truth[0] - truth[1]


def _hits(cell: Cell, centre: float, hard: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    rounds = len(hard)
    seeds = cell.spread * generator.standard_normal((rounds, cell.seeds, 1), np.float32)
    chance = generator.random((rounds, cell.seeds, cell.examples), np.float32)
    return chance < special.expit(centre + cell.difficulty * hard + seeds)


def _mean(centre: float, deviation: float) -> float:
    """The mean of a logistic function of normal logits."""
    return float((special.expit(centre + deviation * NODES) * WEIGHTS).sum() / WEIGHTS.sum())


def _centre(accuracy: float, deviation: float) -> float:
    """The mean logit at which a family has this accuracy."""
    return float(optimize.brentq(lambda centre: _mean(centre, deviation) - accuracy, -30, 60))
