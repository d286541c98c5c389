"""What a stage is: a function from input artifacts to output artifacts, with everything that its key depends on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tasks.settings.place import Place, Scope
from tasks.settings.request import Request
from tasks.settings.values import Frozen
from tasks.settings.workflow import STAGES


@dataclass(frozen=True)
class Input:
    """Files of an earlier stage's artifact, found through the record that the stage left in the run."""

    stage: str
    place: Place
    files: tuple[str, ...]


class Checkpoints(Protocol):
    """Where a long stage keeps the states that it reaches, so that another attempt at the same work goes on from there.

    The same work is the same artifact key. A stage without use for it leaves it alone.
    """

    def latest(self) -> bytes | None:
        """The state of the highest step that any attempt has saved, exactly as it was saved; None to begin afresh."""

    def save(self, step: int, state: bytes) -> None:
        """Keep `state`, reached at `step`, which counts up: whole or not at all; a store that is away ends nothing."""


@dataclass(frozen=True)
class Work:
    """What a stage gets: its settings, folders of verified inputs, a folder for its files, a line for progress, and
    the checkpoints of earlier attempts.
    """

    settings: Any
    inputs: dict[str, Path]
    output: Path
    progress: Callable[[str], None]
    checkpoints: Checkpoints


@dataclass(frozen=True)
class Stage:
    """One stage of the workflow.

    Attributes:
        settings: the part of the request that the stage uses; every field that pydantic dumps is part of the key.
        inputs: the artifacts it reads, by name.
        run: makes files in `work.output`; what it returns is kept in the manifest as the summary.
        modules: code that the stage reaches by name only, which an import statement does not show.
        heavy: the module whose import is slow; it is imported, and timed, only when there is work to do.
    """

    name: str
    settings: Callable[[Request, Place], Frozen]
    inputs: Callable[[Request, Place], dict[str, Input]]
    run: Callable[[Work], dict[str, Any]]
    modules: Callable[[Request, Place], tuple[str, ...]] = lambda request, place: ()
    heavy: str | None = None

    @property
    def scope(self) -> Scope:
        """Where in a run the stage works."""
        return STAGES[self.name].scope
