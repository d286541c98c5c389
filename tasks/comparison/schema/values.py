"""The kinds of values in a report: numbers that are known, shares, and what several replicates or examples say."""

from math import isfinite
from typing import Annotated

from pydantic import BeforeValidator, Field

from tasks.settings.values import Frozen


def _known(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value


Number = Annotated[float, Field(allow_inf_nan=False)]
Known = Annotated[Number | None, BeforeValidator(_known)]  # NaN and infinity, of a training that diverged, are unknown
Share = Annotated[Number, Field(ge=0, le=1)]
Gap = Annotated[Number, Field(ge=-1, le=1)]  # a difference of two shares
Count = Annotated[int, Field(ge=0)]


class Spread(Frozen):
    """A number over the replicates: their mean, their standard deviation (n - 1; null for one), least and greatest."""

    mean: Number
    std: Number | None
    least: Number
    greatest: Number


class Interval(Frozen):
    """An interval of an accuracy, at the comparison's confidence (`tasks.comparison.statistics`)."""

    low: Share
    high: Share
