"""What a run says to the tools of others: parameters, numbers by epoch, final numbers and tags; of values alone.

Names of numbers begin with `epoch/` where there is one for each epoch, with `final/` where a trained model has one,
with `mean/` for the mean over the seeds, and with `difference/` for a family's lead over the reference.
"""

from datetime import datetime
from typing import NamedTuple

from tasks.comparison.assembly import MEASURED, TRAINED
from tasks.comparison.schema.models import Model, Replicate
from tasks.comparison.schema.report import Comparison, DatasetComparison

Values = dict[str, bool | int | float | str]
PREFIX = "like_for_like."  # begins the name of every tag


class Moment(NamedTuple):
    """The numbers of one epoch; `after` are the seconds from the start of the training to its end."""

    epoch: int
    after: float
    numbers: dict[str, float]


class SeedRun(NamedTuple):
    """One trained model; `predictions` is the file of them, by its name in the bundle."""

    place: str
    parameters: Values
    moments: tuple[Moment, ...]
    final: dict[str, float]
    tags: dict[str, str]
    predictions: str


class BranchRun(NamedTuple):
    """One family on one dataset at one budget; `error` is the reason why it has no result."""

    place: str
    parameters: Values
    numbers: dict[str, float]
    tags: dict[str, str]
    error: str | None
    seeds: tuple[SeedRun, ...]


class Content(NamedTuple):
    """A whole run; `created` are seconds since 1970."""

    run: str
    created: float
    parameters: Values
    tags: dict[str, str]
    verdicts: tuple[str, ...]
    branches: tuple[BranchRun, ...]


def content(comparison: Comparison) -> Content:
    """All that is handed over of a report."""
    request = comparison.request
    datasets = sorted({each.name for each in comparison.datasets})
    return Content(
        run=comparison.run,
        created=datetime.fromisoformat(comparison.environment.created).timestamp(),
        parameters={
            "profile": request.profile,
            "datasets": ", ".join(datasets),
            "families": ", ".join(request.families),
            "seeds": ", ".join(map(str, request.seeds)),
        },
        tags=_tags(comparison, status=comparison.status, verdict=" ".join(comparison.verdicts)),
        verdicts=comparison.verdicts,
        branches=tuple(_branch(comparison, part, model) for part in comparison.datasets for model in part.models),
    )


def _tags(comparison: Comparison, **others: str | None) -> dict[str, str]:
    """The tags that every part of a run has, and `others` as far as they are known."""
    return {f"{PREFIX}{name}": value for name, value in {"run": comparison.run, **others}.items() if value}


def _branch(comparison: Comparison, part: DatasetComparison, model: Model) -> BranchRun:
    place = f"{part.name}/{model.family}/budget-{part.budget}"
    training = comparison.request.training
    shared: Values = {
        "dataset": part.name,
        "family": model.family,
        "budget": part.budget,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        **model.hyperparameters,
    }
    version = next((each.version for each in comparison.data if each.name == part.name), None)
    tags = _tags(comparison, data_version=version, test_part=model.test_part) | _code(comparison, part, model)
    return BranchRun(
        place=place,
        parameters=shared,
        numbers=_numbers(part, model),
        tags=tags | {f"{PREFIX}verdict": part.verdict},
        error=model.error,
        seeds=tuple(_seed(place, shared, tags, each) for each in model.replicates),
    )


def _code(comparison: Comparison, part: DatasetComparison, model: Model) -> dict[str, str]:
    """The digests of the code of the stages that led to a model."""
    ends = f"/{part.name}", f"/{part.name}/{model.family}"
    stages = {place.partition("/")[0]: code for place, code in comparison.code.items() if place.endswith(ends)}
    return {f"{PREFIX}code.{stage}": code for stage, code in stages.items()}


def _numbers(part: DatasetComparison, model: Model) -> dict[str, float]:
    """Those of a family: means over its seeds, the interval of the accuracy, its lead over the reference."""
    found = {f"mean/{name}": spread.mean for name, spread in model.spread.items()}
    if interval := model.accuracy_interval:
        found |= {"mean/accuracy_low": interval.low, "mean/accuracy_high": interval.high}
    for each in (each for each in part.differences if each.family == model.family):
        found |= {f"difference/{name}": getattr(each, name) for name in ("estimate", "low", "high", "p_value")}
    return found


def _seed(place: str, shared: Values, tags: dict[str, str], replicate: Replicate) -> SeedRun:
    digests = {f"{PREFIX}artifact.{stage}": key for stage, key in replicate.digests.items()}
    final = {f"final/{name}": getattr(replicate, name) for name in (*MEASURED, *TRAINED)}
    return SeedRun(
        place=f"{place}/seed-{replicate.seed}",
        parameters={**shared, **replicate.hyperparameters, "seed": replicate.seed},
        moments=tuple(_moments(replicate)),
        final={name: number for name, number in final.items() if number is not None},
        tags=tags | digests | {f"{PREFIX}trained_in": replicate.trained_in},
        predictions=f"predictions/{replicate.predictions.rpartition('/')[2]}",
    )


def _moments(replicate: Replicate) -> list[Moment]:
    found, after = [], 0.0
    for each in replicate.history:
        after += each.seconds or 0.0
        numbers = {f"epoch/{name}": value for name, value in each.model_dump(exclude={"epoch"}).items()}
        found.append(Moment(each.epoch, after, {name: value for name, value in numbers.items() if value is not None}))
    return found
