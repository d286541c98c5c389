"""What is the same wherever a stage runs: its command line, and what its exit codes mean."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from tasks.environment import put_back
from tasks.errors import DiscreetError
from tasks.settings.place import Place
from tasks.settings.workflow import WATCH

# What a retry cannot mend, by the exit code that says so (tasks/errors.py).
FINAL = {64: "the request or the configuration is wrong", 65: "the data is not what the configuration promises"}
SKIPPED = 99


class RunnerError(DiscreetError, ValueError):
    """The runner's configuration, or what it needs of this machine, is not there: one line, and what to do."""


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

    def fail_for_good(self, code: int | None) -> None:
        """Fail the task at once when no retry can mend what the exit `code` of its stage says.

        Raises:
            AirflowFailException: none can.
        """
        if code in FINAL:
            raise AirflowFailException(f"{self.stage}: exit code {code}: {FINAL[code]}; see the log")

    @property
    def stage_command(self) -> StageCommand:
        """What this task runs."""
        return command_among(vars(self))
