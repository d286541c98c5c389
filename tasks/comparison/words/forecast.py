"""What a run is expected to take, and what it took, in words."""

from tasks.comparison.schema.forecast import Estimate, Forecast
from tasks.comparison.words.wording import duration, money, plural, rounded

NOTHING = "there is no earlier run of this profile on such a machine to estimate from"


def expected(estimate: Estimate, cost: float | None, currency: str) -> str:
    """The estimate before the run, as `plan` says it; `cost` is that of its core seconds."""
    there = f"{estimate.reused} of {plural(estimate.stages, 'stage')} are there already"
    if estimate.seconds is None:
        return f"{NOTHING}; {there}"
    return f"expected: {_wall(estimate)} on this machine; {there}; {_spent(estimate.core_seconds, cost, currency)}"


def compared(forecast: Forecast, currency: str) -> str:
    """The estimate beside the truth, in full sentences."""
    estimate = forecast.estimate
    took = f"The run took {duration(forecast.seconds)} from the start of its plan to this report"
    truth = f"{took}, and {_spent(forecast.core_seconds, forecast.cost, currency)}."
    if estimate.seconds is None:
        return f"Before the run, {NOTHING}. {truth}"
    before = _spent(estimate.core_seconds, forecast.estimated_cost, currency)
    return f"Expected before the run were {_wall(estimate)}, and {before}. {truth}{_reused(forecast)}"


def _reused(forecast: Forecast) -> str:
    """How many stages were there already, where that is not what was expected: then the times differ too."""
    expected_there, all_stages = forecast.estimate.reused, forecast.estimate.stages
    if forecast.reused == expected_there:
        return ""
    return f" It reused {forecast.reused} of {plural(all_stages, 'stage')}; {expected_there} were expected to be there."


def _wall(estimate: Estimate) -> str:
    low, high = (rounded(seconds or 0.0) for seconds in (estimate.low, estimate.high))
    about = f"about {rounded(estimate.seconds or 0.0)} ({low} to {high})"
    return f"at least {about}, as no earlier run tells of {estimate.unknown} stages," if estimate.unknown else about


def _spent(core_seconds: float | None, cost: float | None, currency: str) -> str:
    """The time of cores, and what it costs where it has a price."""
    minutes = (core_seconds or 0.0) / 60
    time = f"{minutes:.1f}" if minutes < 9.95 else f"{minutes:,.0f}"
    price = f" ({money(cost, currency)})" if cost is not None else ""
    return f"{time} core minutes{price}"
