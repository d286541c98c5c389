"""Widths from a parameter budget. This is pure arithmetic, so no trial is wasted on a model of the wrong size.

A family describes its size by a function from widths to a parameter count; `solve` returns the widths. Processors
multiply 8 or 16 numbers at once, so that a width of 48 may take less time than one of 45.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, product

from tasks.errors import RequestError
from tasks.settings.training import BUDGET_TOLERANCE

GOOD_ENOUGH = 0.001  # of the budget: at this distance the solver stops searching
EVEN_ENOUGH = 0.0075  # the same for widths that processors compute fast
GRAINS = (16, 8)  # numbers that processors compute at once: AVX-512 and AVX2 in single precision
LEEWAY = 0.15  # of a width: how far it may be from the one of its ratio
NARROWEST = 3  # units by which a stage is narrowed at most, so that the others can meet the budget
GRAIN = 64  # scales tried per unit of ratio; with so many, rounding decides the widths, not the scale

Widths = tuple[int, ...]
Count = Callable[[Widths], int]


class BudgetError(RequestError):
    """No widths of a model, with its other hyper-parameters, meet the budget."""


def solve(count: Count, ratios: Sequence[float], budget: int) -> Widths:
    """Widths, in about the given `ratios`, whose parameter count is within 1 % of `budget`, above or below.

    Where it can be, all but the last are multiples of 16, or of 8, and the last one meets the budget.

    Args:
        count: parameters of a model with these widths; it must grow with every width.
        ratios: how wide each stage is compared to the others.
        budget: the parameter count to meet.

    Raises:
        BudgetError: the budget is too small for one unit in each stage, or no size is near enough to it.
    """
    floor = (1,) * len(ratios)
    if count(floor) > budget * (1 + BUDGET_TOLERANCE):
        raise BudgetError(
            f"budget: expected at least {count(floor):,} parameters with these hyper-parameters, received {budget:,}"
        )

    def distance(widths: Widths) -> int:
        return abs(count(widths) - budget)

    scaled = _scaled(count, ratios, budget)
    for widths in chain.from_iterable(_even(count, scaled, budget, grain) for grain in GRAINS):
        if distance(widths) <= EVEN_ENOUGH * budget:
            return widths
    nearest = floor
    for start in _starts(scaled):
        nearest = min(nearest, _filled(count, start, budget, stages=len(ratios)), key=distance)
        if distance(nearest) <= GOOD_ENOUGH * budget:
            break
    if distance(nearest) > BUDGET_TOLERANCE * budget:
        raise BudgetError(
            f"budget: expected a size that widths can meet within {BUDGET_TOLERANCE:.0%}, received {budget:,}"
            f" (nearest: {count(nearest):,}); ask for exactly that many, or for many more"
        )
    return nearest


def _scaled(count: Count, ratios: Sequence[float], budget: int) -> Widths:
    """The largest widths in exactly these ratios, rounded, that stay within the budget."""

    def widths(scale: int) -> Widths:
        return tuple(max(1, round(ratio * scale / GRAIN)) for ratio in ratios)

    return widths(_largest(lambda scale: count(widths(scale)) <= budget))


def _even(count: Count, widths: Widths, budget: int, grain: int) -> list[Widths]:
    """Multiples of `grain` near `widths`, the nearest first, of all stages but the last, which meets the budget."""
    options = [_multiples(width, grain) for width in widths[:-1]]
    filled = [_filled(count, (*chosen, 1), budget, stages=1) for chosen in product(*options)]
    return sorted((near for near in filled if all(map(_is_near, near, widths))), key=partial(_distance, widths))


def _multiples(width: int, grain: int) -> list[int]:
    """The multiples of `grain` that are next to `width`, as far as they are near."""
    nearest = grain * round(width / grain)
    return [near for near in (nearest - grain, nearest, nearest + grain) if near and _is_near(near, width)]


def _is_near(near: int, width: int) -> bool:
    return abs(near - width) <= LEEWAY * width


def _distance(widths: Widths, others: Widths) -> float:
    return sum(abs(math.log(other / width)) for width, other in zip(widths, others, strict=True))


def _starts(widths: Widths) -> Iterator[Widths]:
    """`widths`, then narrower ones, the nearest first. A narrower stage leaves room that other stages fill finely."""
    narrowings = sorted(product(range(NARROWEST + 1), repeat=len(widths)), key=sum)
    for narrowing in narrowings:
        narrowed = tuple(width - less for width, less in zip(widths, narrowing, strict=True))
        if min(narrowed) >= 1:
            yield narrowed


def _filled(count: Count, widths: Widths, budget: int, stages: int) -> Widths:
    """`widths` whose last `stages` are widened up to the budget, or one step above it if that is nearer.

    The stage with the largest step comes first. Widths that are above the budget already stay as they are.
    """
    open_stages = range(len(widths) - stages, len(widths))

    def step(stage: int) -> int:
        return count(_widened(widths, stage, 1)) - count(widths)

    if count(widths) > budget:
        return widths
    for stage in sorted(open_stages, key=step, reverse=True):
        widths = _widened(widths, stage, _room(count, widths, stage, budget))
    beyond = [_widened(widths, stage, 1) for stage in open_stages]
    return min([widths, *beyond], key=lambda candidate: abs(count(candidate) - budget))


def _room(count: Count, widths: Widths, stage: int, budget: int) -> int:
    """The number of units by which one stage can widen within the budget."""
    return _largest(lambda extra: count(_widened(widths, stage, extra)) <= budget)


def _widened(widths: Widths, stage: int, extra: int) -> Widths:
    return (*widths[:stage], widths[stage] + extra, *widths[stage + 1 :])


def _largest(fits: Callable[[int], bool]) -> int:
    """The largest n for which `fits` holds. It must hold up to some n and not beyond; it is assumed to hold for 0."""
    high = 1
    while fits(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
