"""What an action takes: seconds of the clock on the wall, and seconds of the processor beside them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from tasks.runs.meter import Meter, Taken
from tests.bench.section import Row

Result = TypeVar("Result")


class Speed(NamedTuple):
    """Images a second: of the clock on the wall, and of the processor."""

    wall: float
    cpu: float


def speed(images: int, taken: Taken) -> Speed:
    """How fast so many images went."""
    return Speed(images / taken.seconds, images / taken.cpu_seconds)


def timed(action: Callable[[], Result]) -> tuple[Result, Taken]:
    """What `action` returns, and what this process took for it."""
    meter = Meter()
    start = meter.read()
    result = action()
    return result, meter.since(start)


def seconds(taken: Taken) -> Row:
    """The columns of a table."""
    return {"seconds": taken.seconds, "CPU seconds": taken.cpu_seconds}


def of_stages(report: Mapping[str, Any]) -> Row:
    """The column of the CPU seconds of a run's stages; the stage `report` cannot know its own."""
    known = total(stage.get("cpu_seconds") for stage in report["stages"] if stage["stage"] != "report")
    return {"all stages but the report, CPU s": known}


def total(values: Iterable[float | None]) -> float | None:
    """The sum; None where one is not known, as in what earlier releases wrote."""
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
