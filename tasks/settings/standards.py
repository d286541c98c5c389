"""What counts in a comparison: differences too small to matter, looks at growing evidence, what computing costs."""

from typing import Annotated

from pydantic import Field, model_validator

from tasks.settings.training import MAX_REPLICATES
from tasks.settings.values import Frozen, Number, Text, Whole

Price = Annotated[Number, Field(ge=0, le=1_000_000)]
HOUR = 3600.0  # seconds


class Standards(Frozen):
    """By what a comparison judges.

    `equivalence`, in percentage points: models whose accuracies differ by no more are practically equal. The prices are
    those of an hour of one core and of one GPU, in `currency`; 0 says nothing of money.
    """

    equivalence: Annotated[Number, Field(ge=0, le=100)] = 0.5
    price_per_core_hour: Price = 0.0
    price_per_gpu_hour: Price = 0.0
    currency: Text = "USD"

    def price_of(self, cpu_seconds: float | None, gpu_seconds: float | None) -> float | None:
        """What the seconds of cores and of GPUs cost; None without a price, or where what has one is not known."""
        both = ((cpu_seconds, self.price_per_core_hour), (gpu_seconds, self.price_per_gpu_hour))
        priced = [(seconds, per_hour) for seconds, per_hour in both if per_hour]
        parts = [seconds / HOUR * per_hour for seconds, per_hour in priced if seconds is not None]
        return sum(parts) if parts and len(parts) == len(priced) else None


class Looks(Frozen):
    """Which look at growing evidence a run is, and how many there may be: 1 of 1 where it does not grow."""

    number: Annotated[Whole, Field(ge=1)] = 1
    planned: Annotated[Whole, Field(ge=1, le=MAX_REPLICATES)] = 1

    @model_validator(mode="after")
    def _is_planned(self):
        if self.number > self.planned:
            raise ValueError(f"expected at most {self.planned} looks, received the look {self.number}")
        return self
