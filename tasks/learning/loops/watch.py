"""What a loop tells of an epoch while it trains it: what of the time was set-up, and how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.learning.loops.pace import Pulse
from tasks.runs.meter import Meter, Taken


class Watch:
    """The clocks of a training. `setup` is what compiling took, `taken` what the last epoch took without it.

    What the signs of life take is in neither.
    """

    def __init__(self, pulse: Pulse):
        self._meter, self._pulse = Meter(), pulse
        self._name = ""
        self.setup = self.taken = Taken()

    @contextmanager
    def epoch(self, name: str) -> Iterator[None]:
        """Measure an epoch, by its name in signs of life ("2/4")."""
        self._name = name
        start, setup, said = self._meter.read(), self.setup, self._pulse.spent
        yield
        aside = self.setup.minus(setup).plus(Taken(self._pulse.spent - said))
        self.taken = self._meter.since(start).minus(aside)

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """What is done in the block is no training."""
        start = self._meter.read()
        yield
        self.setup = self.setup.plus(self._meter.since(start))

    def step(self, share: float, loss: float) -> None:
        """Say how far the epoch is: `share` of its steps, at a `loss`."""
        self._meter.keep_up()
        self._pulse.beat(self._name, share, loss)
