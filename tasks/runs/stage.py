"""What a stage is: a function from input artifacts to output artifacts, and everything that its key depends on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen
from tasks.settings.workflow import STAGES, Scope

REUSED = "cached"  # how the progress of a stage begins that had nothing to do
WARNING = "WARNING: "  # stands before what a person should see of a stage that is done


@dataclass(frozen=True)
class Input:
    """Files of an earlier stage's artifact, found through the record that the stage left in the run.

    An artifact that is a snapshot comes with all the snapshot's files, whatever `files` names. `version` "previous" is
    what that stage made at that place in the last run on the version of the data before the present one. Where there
    is none, the stage does not get this input.
    """

    stage: str
    place: Place
    files: tuple[str, ...]
    version: Literal["present", "previous"] = "present"


class Checkpoints(Protocol):
    """The states that a long stage has reached, from which another attempt at the same work resumes.

    The same work is the same artifact key. A stage need not use them.
    """

    def latest(self) -> bytes | None:
        """The state of the highest step that any attempt has saved, exactly as it was saved; None if there is none."""

    def save(self, step: int, state: bytes) -> None:
        """Keep `state` as that of `step`, whole or not at all. Steps count up. A store that is away is no error."""


class Versioned(Protocol):
    """What a look found: a snapshot of `tasks.storage.snapshots`."""

    @property
    def version(self) -> str:
        """The digest of what was found."""


@dataclass(frozen=True)
class Work:
    """What a stage receives.

    Attributes:
        settings: its settings, as `Stage.settings` made them.
        inputs: a folder of verified files for each input, by the input's name.
        output: a folder for the files that it makes.
        progress: takes one line of text.
        checkpoints: the states that earlier attempts have reached.
        snapshot: what `Stage.look` found, if the stage looks at something.
        variables: those of the numeric libraries that stand in this process.
    """

    settings: Any
    inputs: dict[str, Path]
    output: Path
    progress: Callable[[str], None]
    checkpoints: Checkpoints
    snapshot: Any = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One stage of the workflow.

    Attributes:
        settings: the part of the request that the stage uses; every field that pydantic dumps is part of the key.
        inputs: the artifacts that it reads, by name.
        run: makes files in `work.output`; the manifest keeps what it returns as the summary.
        modules: code that the stage loads by name, so that no import statement shows it.
        heavy: a module whose import is slow; it is imported, and timed, only when there is work to do.
        needs: the libraries of `tasks.runs.imports.OPTIONAL` that its work uses under these settings.
        gpus: how many GPUs its process holds after its work.
        look: looks at what lies outside and may change, before the key is known, and makes a snapshot of it, or None.
            It gets the settings, the shelf of the dataset, and `progress`. The snapshot's version is part of the key.
        revisit: says in one line what became of the things outside that a reused artifact was made from, and whether
            that is a warning. It gets the settings, the summary of the artifact, and the time at which it was made.
            Nothing that it sees is an error.
    """

    name: str
    settings: Callable[[Request, Place], Frozen]
    inputs: Callable[[Request, Place], dict[str, Input]]
    run: Callable[[Work], dict[str, Any]]
    modules: Callable[[Request, Place], tuple[str, ...]] = lambda request, place: ()
    heavy: str | None = None
    needs: Callable[[Any], tuple[str, ...]] = lambda settings: ()
    gpus: Callable[[], int] = lambda: 0
    look: Callable[[Any, Any, Callable[[str], None]], Versioned | None] | None = None
    revisit: Callable[[Any, dict[str, Any], str], tuple[str, bool]] | None = None

    @property
    def scope(self) -> Scope:
        """Where in a run the stage works."""
        return STAGES[self.name].scope
