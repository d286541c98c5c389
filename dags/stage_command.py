"""What is the same wherever a stage runs: its command line, and what its exit codes mean."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.gpus import leased
from dags.site import surroundings
from tasks.environment import put_back
from tasks.errors import DiscreetError
from tasks.settings.loading import configured
from tasks.settings.place import Place
from tasks.settings.workflow import COMMANDS, WATCH

# What a retry cannot mend, by the exit code that says so (tasks/errors.py).
FINAL = {64: "the request or the configuration is wrong", 65: "the data is not what the configuration promises"}
SKIPPED = 99
OUT_OF_MEMORY = 75  # tasks/errors.py


class RunnerError(DiscreetError, ValueError):
    """The runner's configuration, or what it needs of this machine, is not there: one line, and what to do."""


class OutOfMemoryError(AirflowException):
    """The memory of the stage's device did not suffice."""


@dataclass(frozen=True)
class StageCommand:
    """One stage at one place of the run."""

    stage: str
    place: Place = field(default_factory=Place)

    @property
    def options(self) -> dict[str, str]:
        """Where in the run it works: the command's options, by name."""
        return {name: str(value) for name, value in self.place.given().items()}

    def arguments(self, run: str) -> list[str]:
        """What follows `python -m tasks`, for that run; a look at a location belongs to none."""
        options = ({} if self.stage == WATCH.name else {"run": run}) | self.options
        return [self.stage, *(word for name, value in options.items() for word in (f"--{name}", value))]


def command_among(options: Mapping[str, Any]) -> StageCommand:
    """The command that an operator's keyword arguments describe."""
    place = {part.name: options.get(part.name) for part in fields(Place)}
    return StageCommand(options["stage"], Place(**place))


class StageOperator(BaseOperator):
    """The part that the operators of all runners share: which stage, and where in the run.

    A runner's operator inherits from this first, and then from the operator of Airflow that does the work.
    """

    def __init__(  # Airflow maps tasks only over arguments that a constructor names
        self,
        *,
        stage: str,
        dataset: str | None = None,
        family: str | None = None,
        budget: int | None = None,
        seed: int | None = None,
        shard: int | None = None,
        **options: Any,
    ) -> None:
        self.stage, self.dataset, self.family = stage, dataset, family
        self.budget, self.seed, self.shard = budget, seed, shard
        super().__init__(**options)

    def pre_execute(self, context: Any) -> None:
        """Restore the proxies and certificates that passed through Airflow, as this process may ask a cluster."""
        super().pre_execute(context)
        os.environ.update(put_back(os.environ))

    def on_a_gpu(self, work: Callable[[str | None], None]) -> None:
        """Do `work` with a GPU of this machine where the stage trains and the settings name some; else with None.

        Where the memory of a GPU that others use too did not suffice, it is done once more, with nobody else on one.
        """
        gpus = configured(surroundings()).orchestration.gpus
        if not gpus.devices or not COMMANDS[self.stage].trains:
            work(None)
            return
        try:
            with leased(gpus) as device:
                work(device)
        except OutOfMemoryError as error:
            if gpus.trainings_per_gpu == 1:
                raise
            self.log.warning("%s; once more, with a GPU for this stage alone", error)
            with leased(gpus, alone=True) as device:
                work(device)

    def fail_as_said(self, code: int | None) -> None:
        """Fail the task as the exit `code` of its stage says, where that is more than that it failed.

        Raises:
            AirflowFailException: no retry can mend it.
            OutOfMemoryError: it may succeed alone.
        """
        if code == OUT_OF_MEMORY:
            raise OutOfMemoryError(f"{self.stage}: exit code {code}: the memory did not suffice; see the log")
        if code in FINAL:
            raise AirflowFailException(f"{self.stage}: exit code {code}: {FINAL[code]}; see the log")

    @property
    def stage_command(self) -> StageCommand:
        """What this task runs."""
        return command_among(vars(self))
