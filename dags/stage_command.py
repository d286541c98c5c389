"""What is the same wherever a stage runs: its command line, what its exit codes mean, and what it needs to know."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator

from tasks.environment import put_back
from tasks.errors import DiscreetError
from tasks.settings.addresses import Bucket, store_place
from tasks.settings.place import Place

# What a retry cannot mend, by the exit code that says so (tasks/errors.py).
FINAL = {64: "the request or the configuration is wrong", 65: "the data is not what the configuration promises"}
SKIPPED = 99
# These variables of the worker lead a stage to its store, and those that start so.
KNOWN = ("STORE", "DATASET_MIRROR", "WORKFLOW_CONFIG", "KERAS_BACKEND")
STORE_CLIENT = "AWS_"
# They name files or programs of the worker's machine, which a container does not have.
ELSEWHERE = ("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE")


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
        """What follows `python -m tasks`, for that run."""
        given = (word for name, value in self.options.items() for word in (f"--{name}", value))
        return [self.stage, "--run", run, *given]


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
        """See Airflow's BaseOperator. From here on this process reaches an engine or a cluster as its person does."""
        super().pre_execute(context)
        os.environ.update(put_back(os.environ))

    @property
    def stage_command(self) -> StageCommand:
        """What this task runs."""
        return command_among(vars(self))


def store_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What a stage in a container takes over from its worker's `environment`, credentials among it."""
    wanted = {name: value for name, value in environment.items() if name in KNOWN or name.startswith(STORE_CLIENT)}
    return {name: value for name, value in wanted.items() if value and name not in ELSEWHERE}


def require_bucket(store: str | None) -> None:
    """Check that `store` can be reached from a container.

    Raises:
        RunnerError: it is a folder of this machine, no address of a store, or not named at all.
    """
    if isinstance(named_place(store or ""), Path):
        raise RunnerError(f"STORE: expected s3://bucket/prefix, which containers can reach; received {store!r}")


def named_place(store: str) -> Bucket | Path:
    """Where the store lies that an environment or the settings name.

    Raises:
        RunnerError: it is no address of a store.
    """
    try:
        return store_place(store)
    except ValueError as error:
        raise RunnerError(f"STORE: {error}") from None
