"""What accuracy costs, as the second sentence of a verdict."""

from collections.abc import Mapping

from tasks.comparison.schema.cost import Clock, Ratio
from tasks.comparison.schema.differences import Difference
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.words.wording import confidence, duration, starting, the_family, times

TIME: Mapping[Clock, str] = {"cpu": "CPU time", "wall": "time"}
ALIKE = 1.1  # two costs that surely differ by less than this factor are about the same


def cost_in_words(difference: Difference) -> str:
    """What the better family's accuracy costs, or what the dearer one's cost buys; an empty text if nobody knows."""
    cost = difference.cost
    if cost.training is None:
        return ""
    family, reference = the_family(difference.family), the_family(difference.reference)
    training, latency = cost.training, cost.latency_seconds
    direction = _direction(training)
    if direction == 0:
        return f"{_undirected(training, TIME[cost.clock])}{_predicted(latency, f' by {family}')}."
    dear, cheap = family, reference
    if direction < 0:
        dear, cheap = reference, family
        training, latency = inverse(training), latency and inverse(latency)
    winner = {"better": family, "worse": reference}.get(difference.conclusion)
    opening = _opening(difference, dear, cheap, winner)
    subject = "it" if winner == dear or winner is None else dear
    as_long = "as much CPU time" if cost.clock == "cpu" else "as long"
    took = f"training {subject} takes {times(training.estimate)} times {as_long}{_interval(training)}"
    return f"{opening}: {took}{_predicted(latency)}."


def inverse(ratio: Ratio) -> Ratio:
    """The ratio the other way round."""
    low, high = (None if bound is None else 1 / bound for bound in (ratio.high, ratio.low))
    return Ratio(estimate=1 / ratio.estimate, low=low, high=high)


def _opening(difference: Difference, dear: str, cheap: str, winner: str | None) -> str:
    if winner == cheap:
        return starting(f"{cheap} is the cheaper one, too")
    price = difference.cost.seconds_per_point
    if winner == dear and price is not None and price > 0:
        more = f"{duration(price)} more {TIME[difference.cost.clock]}"
        return f"Each point of accuracy that {dear} gains costs {more}"
    if winner == dear:
        return starting(f"{dear} is also the dearer one")
    gain = "gains no accuracy that counts" if difference.conclusion == "equal" else "no gain was detected"
    return starting(f"{dear} costs more, and {gain}")


def _undirected(training: Ratio, clock: str) -> str:
    """Where neither side is known to take more."""
    if _is_alike(training):
        return f"Both take about the same {clock} to train"
    estimate = times(training.estimate)
    return f"Which of the two takes more {clock} to train cannot be told{_interval(training, estimate)}"


def _predicted(latency: Ratio | None, whose: str = "") -> str:
    """How long a prediction takes, after the same for a training."""
    if latency is None:
        return ""
    if (direction := _direction(latency)) == 0:
        return ", and predictions take about as long" if _is_alike(latency) else ""
    if direction > 0:
        return f", and a prediction{whose} takes {times(latency.estimate)} times as long"
    return f", but a prediction{whose} is {times(1 / latency.estimate)} times as fast"


def _direction(ratio: Ratio) -> int:
    """1 when the first surely takes more, -1 when it takes less, 0 when that is not known or hardly matters."""
    low, high = _bounds(ratio)
    if _is_alike(ratio) or low <= 1 <= high:
        return 0
    return 1 if low > 1 else -1


def _is_alike(ratio: Ratio) -> bool:
    low, high = _bounds(ratio)
    return low >= 1 / ALIKE and high <= ALIKE


def _bounds(ratio: Ratio) -> tuple[float, float]:
    """The interval, or the ratio alone where one seed tells no spread."""
    return ratio.low or ratio.estimate, ratio.high or ratio.estimate


def _interval(ratio: Ratio, estimate: str = "") -> str:
    if ratio.low is None or ratio.high is None:
        return f" ({estimate} times as much)" if estimate else ""
    middle = f"{estimate} times as much, " if estimate else ""
    return f" ({middle}{confidence(ALPHA)} interval {times(ratio.low)} to {times(ratio.high)})"
