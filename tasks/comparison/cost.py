"""What the families take: ratios with intervals, accuracy for its price, and money by the prices of the request."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.comparison.evidence import Branch
from tasks.comparison.schema.cost import Clock, Cost, Ratio, Spending
from tasks.comparison.schema.models import Model
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.ratios import welch_ratio
from tasks.settings.standards import Standards

OF_TRAINING = ("train_seconds", "cpu_seconds", "peak_memory_bytes", "energy_joules")
OF_PREDICTION = ("latency_seconds", "batch_latency_seconds", "flops", "model_bytes")
SECONDS: Mapping[Clock, str] = {"cpu": "cpu_seconds", "wall": "train_seconds"}
POINTS = 100  # of a share


def cost(family: Branch, reference: Branch) -> Cost:
    """What `family` takes over what `reference` takes, but for the price of a point: see `priced`."""
    ratios = {name: _ratio(_values(family, name), _values(reference, name)) for name in (*OF_TRAINING, *OF_PREDICTION)}
    searches = [[seconds] if (seconds := _searched(branch, "seconds")) else [] for branch in (family, reference)]
    clock = _clock(family, reference)
    return Cost(**ratios, search_seconds=_ratio(*searches), seconds_per_point=None, clock=clock)


def priced(found: Cost, family: Model, reference: Model, gain: float | None) -> Cost:
    """The cost with the price of a point; `gain` is the detected gain of accuracy of `family`, None without one."""
    own, other = (model.spread[SECONDS[found.clock]].mean for model in (family, reference))
    return found.model_copy(update={"seconds_per_point": (own - other) / (POINTS * gain) if gain else None})


def spending(branch: Branch, standards: Standards) -> Spending:
    """What the search and a training of `branch` took, in seconds and in money."""
    gpus = max(_values(branch, "gpus"), default=None)  # of a training; its search held as many
    seconds, cpu_seconds = _searched(branch, "seconds"), _searched(branch, "cpu_seconds")
    trained, cpu_trained = (_mean(_values(branch, name)) for name in ("train_seconds", "cpu_seconds"))
    return Spending(
        search_seconds=seconds,
        search_cpu_seconds=cpu_seconds,
        gpus=None if gpus is None else int(gpus),
        training_money=standards.price_of(cpu_trained, _times(trained, gpus)),
        search_money=standards.price_of(cpu_seconds, _times(seconds, gpus)),
    )


def _values(branch: Branch, name: str) -> list[float]:
    """The numbers of all replicates; none at all where one does not know it."""
    found = [{**replicate.training, **replicate.evaluation}.get(name) for replicate in branch.replicates]
    return [] if None in found else [float(each) for each in found if each is not None]


def _ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio | None:
    found = welch_ratio(numerators, denominators, ALPHA)
    return Ratio(**found._asdict()) if found else None


def _clock(*branches: Branch) -> Clock:
    """Which seconds count, of all of them: see `Cost`."""
    used_gpus = any(any(_values(branch, "gpus")) for branch in branches)
    return "cpu" if not used_gpus and all(_values(branch, "cpu_seconds") for branch in branches) else "wall"


def _searched(branch: Branch, name: str) -> float | None:
    """The sum over the trials of all searches; None where there was none, or where a trial does not know it."""
    found = [trial.get(name) for trial in branch.trials]
    known = [float(each) for each in found if each is not None]
    return sum(known) if found and len(known) == len(found) else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _times(amount: float | None, factor: float | None) -> float | None:
    return None if amount is None or factor is None else amount * factor
