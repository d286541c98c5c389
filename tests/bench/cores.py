"""How long a run would take on other numbers of cores: its measured stages, laid out anew by arithmetic.

List scheduling (Graham, https://doi.org/10.1137/0117039): a core that is free starts the longest stage that is ready.
What orchestration adds between the stages is left out, and the seconds of `report`, which cannot know its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.settings.workflow import position
from tests.bench.clock import of_stages
from tests.bench.section import Section

SIZES = (1, 2, 4, 8)
Stage = Mapping[str, Any]


def cores(report: Mapping[str, Any]) -> list[Section]:
    """A row for each number of cores; nothing for a run that reused stages, whose time it does not know."""
    if any(stage["cached"] for stage in report["stages"]):
        return []
    used = of_stages(report)
    rows = [{"cores": size, "first stage to last, s": laid_out(report["stages"], size)} | used for size in SIZES]
    return [Section(f"{report['run']} on other numbers of cores, by arithmetic", rows)]


def laid_out(stages: Sequence[Stage], cores: int) -> float:
    """The seconds from the first stage's start to the last one's end, each stage on a core of its own."""
    now = 0.0
    waiting = sorted(stages, key=_seconds, reverse=True)
    running: list[tuple[float, Stage]] = []
    while waiting or running:
        unfinished = waiting + [stage for _, stage in running]
        ready = [stage for stage in waiting if not any(_precedes(other, stage) for other in unfinished)]
        for stage in ready[: cores - len(running)]:
            waiting.remove(stage)
            running.append((now + _seconds(stage), stage))
        ended = min(running, key=lambda pair: pair[0])
        running.remove(ended)
        now = ended[0]
    return now


def _seconds(stage: Stage) -> float:
    return stage["setup_seconds"] + stage["seconds"]


def _precedes(one: Stage, other: Stage) -> bool:
    """Whether `one` must have ended before `other` starts: it is earlier in the order, of the same branch or of all."""
    branch = ("dataset", "family", "budget")
    same = all(one[name] == other[name] for name in branch if None not in (one[name], other[name]))
    return same and position(one["stage"]) < position(other["stage"])
