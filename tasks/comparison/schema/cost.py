"""What a family takes beside its parameters, and how many times as much as another one."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.comparison.schema.values import Count, Number
from tasks.settings.values import Frozen

Positive = Annotated[Number, Field(gt=0)]
Amount = Annotated[Number, Field(ge=0)]
Clock = Literal["cpu", "wall"]


class Ratio(Frozen):
    """How many times as much; `low` and `high` at the comparison's confidence, null where one seed tells no spread."""

    estimate: Positive
    low: Positive | None = None
    high: Positive | None = None

    @model_validator(mode="after")
    def _holds_its_estimate(self):
        bounds = [bound for bound in (self.low, self.estimate, self.high) if bound is not None]
        if len(bounds) == 2 or bounds != sorted(bounds):
            raise ValueError(f"expected an interval around {self.estimate}, received {self.low} to {self.high}")
        return self


class Cost(Frozen):
    """What `family` takes over what `reference` takes, by the names of a replicate's numbers; null where not known.

    Attributes:
        search_seconds: of the whole search, which there is once, so that it has no interval.
        seconds_per_point: the further seconds of training for each percentage point of accuracy that the better one
            gains, by `clock`; less than 0 where the better one is the cheaper one, too. Null where no difference is
            detected.
        clock: which seconds of a training count. Those of the CPU, as on a shared machine the clock on the wall says
            less. Those of the wall where a side used a GPU, for which a CPU mostly waits, or knows no CPU seconds.
    """

    train_seconds: Ratio | None = None
    cpu_seconds: Ratio | None = None
    peak_memory_bytes: Ratio | None = None
    latency_seconds: Ratio | None = None
    batch_latency_seconds: Ratio | None = None
    flops: Ratio | None = None
    model_bytes: Ratio | None = None
    energy_joules: Ratio | None = None
    search_seconds: Ratio | None = None
    seconds_per_point: Number | None = None
    clock: Clock = "cpu"

    @property
    def training(self) -> Ratio | None:
        """Of the seconds that count."""
        return self.cpu_seconds if self.clock == "cpu" else self.train_seconds


class Spending(Frozen):
    """What one family's search and one of its trainings took; null where not known.

    Attributes:
        search_seconds, search_cpu_seconds: the sums over all trials.
        gpus: that a training held.
        training_money, search_money: by the prices of the request; null where these are 0. CPU seconds are paid as
            seconds of one core, and each GPU for as long as the training lasts. Set-up, validation and evaluation are
            in no training's price; a search's price holds all that its trials took.
    """

    search_seconds: Amount | None = None
    search_cpu_seconds: Amount | None = None
    gpus: Count | None = None
    training_money: Amount | None = None
    search_money: Amount | None = None
