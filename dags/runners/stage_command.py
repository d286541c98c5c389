"""What is the same wherever a stage runs: its command line, what its exit codes mean, and what it needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass

# What a retry cannot mend, by the exit code that says so (tasks/errors.py).
FINAL = {64: "the request or the configuration is wrong", 65: "the data is not what the configuration promises"}
SKIPPED = 99
# The stages that keep a processor busy: they take a slot of the pool, and the GPUs where there are some.
TRAINING = frozenset({"search", "train", "evaluate"})
# These variables of the worker lead a stage to its store, and those that start so.
KNOWN = ("STORE", "DATASET_MIRROR", "WORKFLOW_CONFIG", "KERAS_BACKEND")
STORE_CLIENT = "AWS_"
# They name files or programs of the worker's machine, which a container does not have.
ELSEWHERE = ("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE")


class RunnerError(ValueError):
    """The runner's configuration, or what it needs of this machine, is not there: one line, and what to do."""


@dataclass(frozen=True)
class StageCommand:
    """One stage at one place of the run; what is None is not given."""

    stage: str
    dataset: str | None = None
    family: str | None = None
    budget: int | None = None
    seed: int | None = None
    shard: int | None = None

    @property
    def options(self) -> dict[str, str]:
        """Where in the run it works: the command's options, by name."""
        return {name: str(value) for name, value in vars(self).items() if name != "stage" and value is not None}

    def arguments(self, run: str) -> list[str]:
        """What follows `python -m tasks`, for that run."""
        given = (word for name, value in self.options.items() for word in (f"--{name}", value))
        return [self.stage, "--run", run, *given]


def store_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What a stage in a container takes over from its worker's `environment`, credentials among it."""
    wanted = {name: value for name, value in environment.items() if name in KNOWN or name.startswith(STORE_CLIENT)}
    return {name: value for name, value in wanted.items() if value and name not in ELSEWHERE}


def require_bucket(store: str | None) -> None:
    """Check that `store` can be reached from a container.

    Raises:
        RunnerError: it is a folder of this machine, or not named at all.
    """
    if not (store or "").startswith("s3://"):
        raise RunnerError(f"STORE: expected s3://bucket/prefix, which containers can reach; received {store!r}")
