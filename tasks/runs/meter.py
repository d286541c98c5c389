"""What computing takes of the machine: processor seconds, memory, energy. Nothing here changes a result."""

import os
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

POWERCAP = Path("/sys/class/powercap")  # Linux' counters of RAPL: https://docs.kernel.org/power/powercap/powercap.html
STATUS = Path("/proc/self/status")
LOOK_SECONDS = 60.0  # an energy counter starts again at its end, which takes a busy processor some minutes


class Taken(NamedTuple):
    """What a stretch of work took.

    Attributes:
        seconds: of the clock on the wall.
        cpu_seconds: of all threads of this process, wherever they waited; a thread that waits for a GPU may count.
        joules: of the processors with all that they do meanwhile, also for others; None where no counter can be read.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    joules: float | None = 0.0

    def plus(self, other: "Taken") -> "Taken":
        """Both together."""
        joules = None if self.joules is None or other.joules is None else self.joules + other.joules
        return Taken(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, joules)

    def minus(self, part: "Taken") -> "Taken":
        """What is left without a `part` of it."""
        joules = None if self.joules is None or part.joules is None else self.joules - part.joules
        return Taken(self.seconds - part.seconds, self.cpu_seconds - part.cpu_seconds, joules)


class Meter:
    """Reads the clocks and the energy counters of this machine. `since` takes what `read` gave."""

    def __init__(self, counters: Path = POWERCAP):
        self._energy = _Energy(counters)

    def read(self) -> Taken:
        """What has been taken since some moment before: only differences mean something."""
        return Taken(time.perf_counter(), time.process_time(), self._energy.joules())

    def since(self, start: Taken) -> Taken:
        """What has been taken since `start` was read."""
        return self.read().minus(start)

    def keep_up(self) -> None:
        """Call this now and then, so that no counter comes round twice unseen."""
        self._energy.keep_up()


class _Energy:
    """The energy of all processor packages. Most machines let only root read the counters."""

    def __init__(self, folder: Path):
        self._total, self._looked = 0.0, time.perf_counter()
        self._packages = [each for each in sorted(folder.glob("intel-rapl:*")) if _is_package(each)]
        self._last = self._counts()

    def keep_up(self) -> None:
        if time.perf_counter() - self._looked > LOOK_SECONDS:
            self.joules()

    def joules(self) -> float | None:
        """Since this object was made."""
        if self._last is None or (now := self._counts()) is None:
            return None
        used = [(after - before) % (most + 1) for (after, most), (before, _) in zip(now, self._last, strict=True)]
        self._total += sum(used) / 1e6
        self._last, self._looked = now, time.perf_counter()
        return self._total

    def _counts(self) -> list[tuple[int, int]] | None:
        """Where each counter is, and the greatest number that it knows, in microjoules."""
        try:
            found = [(_number(each / "energy_uj"), _number(each / "max_energy_range_uj")) for each in self._packages]
        except (OSError, ValueError):
            return None
        return found or None


def _is_package(folder: Path) -> bool:
    """Whether a counter is that of a whole processor; others are parts of one, or the whole machine."""
    try:
        return (folder / "name").read_text(encoding="ascii").startswith("package")
    except (OSError, ValueError):
        return False


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def cpu_seconds() -> float:
    """Of all threads of this process since its start, and of the processes that it has started and that have ended."""
    return sum(os.times()[:4])


def peak_memory() -> int:
    """The most memory that this process has held at one time, in bytes.

    It counts what is resident: the libraries, the arrays, and of mapped files what has been read and not yet given up.
    It does not count the memory of a GPU.
    """
    if STATUS.exists():  # getrusage would also count what another program held before it became this one
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
        if peak is not None:
            return 1024 * int(peak)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
