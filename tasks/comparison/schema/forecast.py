"""What a run was expected to take, and what it took."""

from tasks.comparison.schema.values import Count, Known
from tasks.settings.values import Frozen


class Estimate(Frozen):
    """What `plan` expected of a run, from earlier runs of the same profile on a machine of the same kind.

    Attributes:
        runs: the earlier runs that tell; none where there is none.
        stages: how many the run has, but for `plan` and `report`.
        reused: how many of them the store had already.
        looked: whether the store was asked what it has; not for a very large run, whose `reused` is then 0.
        unknown: how many of the others no earlier run has done; the numbers leave their work out.
        seconds: from the start of `plan` to the end of the last stage but the report; null where nothing tells.
        low, high: its range, from the fastest and the slowest that was seen; at least a fifth below, a quarter above.
        cpu_seconds, gpu_seconds: of all stages but the report, as their records count them; null where an earlier run
            does not know them.
    """

    runs: tuple[str, ...] = ()
    stages: Count
    reused: Count
    looked: bool = True
    unknown: Count = 0
    seconds: Known = None
    low: Known = None
    high: Known = None
    cpu_seconds: Known = None
    gpu_seconds: Known = None


class Forecast(Frozen):
    """The estimate beside the truth, both by the same definitions; costs in the currency of the request's standards.

    `estimated_cost` and `cost` are null without a price, and where the seconds of what has a price are.
    """

    estimate: Estimate
    seconds: Known = None
    cpu_seconds: Known = None
    gpu_seconds: Known = None
    reused: Count
    estimated_cost: Known = None
    cost: Known = None
