"""The costs of a dataset's families as a table of texts: a row for each measure, a column for each family and ratio."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tasks.comparison.schema.cost import Ratio
from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import (
    UNKNOWN,
    duration,
    energy,
    enumeration,
    family_title,
    moment,
    money,
    operations,
    size,
    times,
)
from tasks.settings.standards import Standards

Shown = Callable[[float | None], str]
VARIES = 1e-6  # times a mean: smaller deviations are those of rounding


class Cell(NamedTuple):
    """A number in words, and below it its deviation or its interval, if there is one."""

    text: str = ""
    below: str = ""


class CostRow(NamedTuple):
    """One measure: its name, what exactly it is, a cell for each family with a result, one for each difference."""

    name: str
    meaning: str
    families: tuple[Cell, ...]
    ratios: tuple[Cell, ...]


class Measure(NamedTuple):
    """A number of every replicate, by its field in `Replicate`, `Model.spread` and `Cost`."""

    field: str
    name: str
    meaning: str
    shown: Shown


MEASURES = (
    Measure("train_seconds", "Training", "time on the clock", duration),
    Measure("cpu_seconds", "Training", "CPU time of all threads", duration),
    Measure("peak_memory_bytes", "Memory", "the most that a training held", size),
    Measure("latency_seconds", "Prediction", "an image alone", moment),
    Measure("batch_latency_seconds", "Prediction", "an image in a batch of 256", moment),
    Measure("flops", "Operations", "of one prediction", operations),
    Measure("model_bytes", "Model", "size on disk", size),
    Measure("energy_joules", "Energy", "of the processors during a training", energy),
)


def cost_columns(dataset: DatasetComparison) -> list[str]:
    """The heads of the columns: each family with a result, then each pair that was compared."""
    pairs = [f"{family_title(each.family)} / {family_title(each.reference)}" for each in dataset.differences]
    return [*(family_title(model.family) for model in _done(dataset)), *pairs]


def cost_rows(dataset: DatasetComparison, currency: str) -> list[CostRow]:
    """The measures that somebody knows; nothing without a result. What one family alone does not know is a dash."""
    models = _done(dataset)
    rows = [_measured(measure, models, dataset.differences) for measure in MEASURES]
    rows.insert(2, _searched(models, dataset.differences))
    rows += _prices(models, dataset.differences, currency)
    return [row for row in rows if any(cell.text != UNKNOWN for cell in row.families)]


def _done(dataset: DatasetComparison) -> list[Model]:
    return [model for model in dataset.models if model.status == "done"]


def _measured(measure: Measure, models: Sequence[Model], differences: Sequence[Difference]) -> CostRow:
    cells = tuple(_mean(model, measure) for model in models)
    ratios = tuple(_ratio(getattr(difference.cost, measure.field)) for difference in differences)
    return CostRow(measure.name, measure.meaning, cells, ratios)


def _mean(model: Model, measure: Measure) -> Cell:
    """The mean over the seeds. The deviation of what does not vary is left out."""
    spread = model.spread.get(measure.field)
    if spread is None:
        return Cell(UNKNOWN)
    varies = spread.std is not None and spread.std > VARIES * spread.mean
    return Cell(measure.shown(spread.mean), f"± {measure.shown(spread.std)}" if varies else "")


def _ratio(ratio: Ratio | None) -> Cell:
    if ratio is None:
        return Cell(UNKNOWN)
    if ratio.low is None or ratio.high is None or ratio.high - ratio.low <= VARIES * ratio.estimate:
        return Cell(times(ratio.estimate))
    return Cell(times(ratio.estimate), f"{times(ratio.low)} to {times(ratio.high)}")


def _searched(models: Sequence[Model], differences: Sequence[Difference]) -> CostRow:
    cells = tuple(Cell(duration(model.spending.search_seconds)) for model in models)
    return CostRow(
        "Search", "time on the clock, all trials", cells, tuple(_ratio(d.cost.search_seconds) for d in differences)
    )


def _prices(models: Sequence[Model], differences: Sequence[Difference], currency: str) -> list[CostRow]:
    """What a training and the search cost in money, where the request names prices."""
    trained = {model.family: model.spending.training_money for model in models}
    searched = {model.family: model.spending.search_money for model in models}
    return [
        CostRow("Price", what, _priced(prices, currency), _quotients(prices, differences))
        for what, prices in (("of a training", trained), ("of the search", searched))
    ]


def _priced(prices: Mapping[str, float | None], currency: str) -> tuple[Cell, ...]:
    return tuple(Cell(money(price, currency)) for price in prices.values())


def _quotients(prices: Mapping[str, float | None], differences: Sequence[Difference]) -> tuple[Cell, ...]:
    pairs = [(prices[difference.family], prices[difference.reference]) for difference in differences]
    return tuple(Cell(times(own / other) if own and other else UNKNOWN) for own, other in pairs)


def prices_in_words(standards: Standards) -> str:
    """ "An hour of one core costs 0.04 USD." """
    prices = (("core", standards.price_per_core_hour), ("GPU", standards.price_per_gpu_hour))
    said = [f"an hour of one {thing} costs {money(price, standards.currency)}" for thing, price in prices if price]
    return f"{enumeration(said).replace('an', 'An', 1)}." if said else ""
