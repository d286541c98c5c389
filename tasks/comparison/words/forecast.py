"""What a run is expected to take, and what it took, in words."""

from tasks.comparison.schema.forecast import Estimate, Forecast
from tasks.comparison.words.wording import duration, enumeration, money, plural, rounded

EARLIER = "earlier run of this profile on such a machine"


def expected(estimate: Estimate, cost: float | None, currency: str) -> str:
    """The estimate before the run, as `plan` says it; `cost` is that of its processors."""
    if not estimate.looked:
        return f"no estimate: with {plural(estimate.stages, 'stage')} the run is too large to look up what is there"
    verb = "is" if estimate.reused == 1 else "are"
    there = f"{estimate.reused} of {plural(estimate.stages, 'stage')} {verb} there already"
    if estimate.seconds is None:
        return f"no {EARLIER} tells how long it will take; {there}"
    return f"expected on this machine: {_foreseen(estimate, cost, currency)}; {there}"


def compared(forecast: Forecast, currency: str) -> str:
    """The estimate beside the truth, in full sentences."""
    took = _spent(duration(forecast.seconds), forecast, forecast.cost, currency)
    truth = f"From the start of its plan to its last stage before this report, the run took {took}."
    return f"{_before(forecast, currency)} {truth}{_reused(forecast)}"


def _before(forecast: Forecast, currency: str) -> str:
    estimate = forecast.estimate
    if not estimate.looked:
        return f"Nothing was expected of the run, as {plural(estimate.stages, 'stage')} are too many to look up first."
    if estimate.seconds is None:
        return f"No {EARLIER} told how long it would take."
    return f"Expected before the run were {_foreseen(estimate, forecast.estimated_cost, currency)}."


def _reused(forecast: Forecast) -> str:
    """How many stages were there already, where that is not what was expected: then the times differ too."""
    estimate = forecast.estimate
    if not estimate.looked or forecast.reused == estimate.reused:
        return ""
    was = "was" if estimate.reused == 1 else "were"
    all_stages = plural(estimate.stages, "stage")
    return f" It reused {forecast.reused} of {all_stages}; {estimate.reused} {was} expected to be there."


def _foreseen(estimate: Estimate, cost: float | None, currency: str) -> str:
    """The numbers of an estimate, and what they leave out."""
    about = rounded(estimate.seconds or 0.0)
    if estimate.unknown:
        least = _spent(f"at least {about}", estimate, cost, currency)
        return f"{least}, without {plural(estimate.unknown, 'stage')} that no earlier run has done"
    low, high = (rounded(seconds or 0.0) for seconds in (estimate.low, estimate.high))
    return _spent(f"about {about} ({low} to {high})", estimate, cost, currency)


def _spent(time: str, on: Estimate | Forecast, cost: float | None, currency: str) -> str:
    """The `time` on the clock and that of processors, as far as it is known, with their price where they have one."""
    processors = [f"{_minutes(on.cpu_seconds)} CPU minutes"] if on.cpu_seconds is not None else []
    processors += [f"{_minutes(on.gpu_seconds)} GPU minutes"] if on.gpu_seconds else []
    price = f" ({money(cost, currency)})" if cost is not None else ""
    return enumeration([time, *processors]) + price


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f}" if minutes < 9.95 else f"{minutes:,.0f}"
