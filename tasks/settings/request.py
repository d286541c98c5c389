"""What a person asks for, and the frozen request that `plan` makes of it: all that the stages of a run read."""

import hashlib
import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tasks.errors import RequestError
from tasks.settings.addresses import Address
from tasks.settings.dataset import Dataset
from tasks.settings.standards import Looks, Standards
from tasks.settings.training import Backend, Examples, Replicates, Search, Training
from tasks.settings.values import Budget, Count, Frozen, Name, Number, Whole, matching
from tasks.settings.workflow import REUSED_STAGES, TOGETHER

RunId = Annotated[
    str,
    matching("[A-Za-z0-9][A-Za-z0-9._-]{0,150}", "a run's id of at most 151 letters, digits and ._-"),
]
MAX_BUDGETS = 8  # in one run: each is a search and trainings of its own
MAX_MAPPED = 1_024  # tasks of one stage and family in a run: what Airflow's `max_map_length` is by default
SLUG = 130  # characters of a run's name in keys and paths, its digest included


def _ascending(budgets: tuple[int, ...]) -> tuple[int, ...]:
    twice = sorted({budget for budget in budgets if budgets.count(budget) > 1})
    if twice:
        raise ValueError(f"expected different budgets, received {', '.join(map(str, twice))} more than once")
    return tuple(sorted(budgets))


def _forced_stages(force: object) -> object:
    """`force` with all stages in place of true, none in place of false or null, and every name known, once."""
    if force is None or isinstance(force, bool):
        return REUSED_STAGES if force else ()
    if isinstance(force, list | tuple):
        unknown = [name for name in force if name not in REUSED_STAGES]
        if unknown:
            raise ValueError(f"expected true, or stages among {', '.join(REUSED_STAGES)}")
        return tuple(name for name in REUSED_STAGES if name in force)
    return force


ForcedStages = Annotated[tuple[str, ...], BeforeValidator(_forced_stages)]
Budgets = Annotated[tuple[Budget, ...], Field(max_length=MAX_BUDGETS), AfterValidator(_ascending)]


class Parameters(Frozen):
    """What a person asks for; None, or an empty list, leaves the profile's, or the dataset's, value.

    `force` names the stages to do again although the store has their result; true means all of them.
    """

    profile: str = "quick"  # `resolve` looks for these three names in the configuration
    datasets: tuple[str, ...] | None = None
    families: tuple[str, ...] | None = None
    trials: Count | None = None
    epochs: Count | None = None
    replicates: Replicates | None = None
    budgets: Budgets | None = None
    mirror: Address | None = None
    force: ForcedStages = ()


class Request(Frozen):
    """One run, wholly resolved: every stage reads this and nothing else of the configuration.

    `budgets` are those of a run that draws a frontier, each for every dataset in place of its own; empty where each
    dataset is compared at its one budget. `examples` is how many images of each official part are used at most; None
    uses all.
    """

    version: Literal[2] = 2
    run: RunId
    profile: Name
    datasets: tuple[Dataset, ...] = Field(min_length=1)
    budgets: Budgets = ()
    families: tuple[Name, ...] = Field(min_length=1)
    seed: Whole
    validation_fraction: Number
    examples: Examples | None = None
    search: Search
    training: Training
    standards: Standards = Standards()
    looks: Looks = Looks()
    backend: Backend = "tensorflow"
    mirror: Address | None = None
    allowed_addresses: tuple[Address, ...] = ()
    force: ForcedStages = ()

    @model_validator(mode="after")
    def _samples_every_class(self):
        if self.examples is None:
            return self
        for dataset in self.datasets:  # where the data tell the classes, `normalize` counts them
            enough = enough_examples(len(dataset.classes), self.validation_fraction)
            if self.examples < enough:
                raise ValueError(
                    f"expected `examples` of at least {enough:,}, so that the training and the validation part of "
                    f"{dataset.name} have all its {len(dataset.classes)} classes, received {self.examples:,}; raise it "
                    "in the profile, or leave it out to use all images"
                )
        return self

    @model_validator(mode="after")
    def _has_no_more_searches_than_airflow_maps(self):
        tasks = len(self.budgets or (None,)) * len(self.search_seeds) * self.search.shards
        if tasks > MAX_MAPPED:
            raise ValueError(
                f"expected at most {MAX_MAPPED:,} tasks of a search of each family, received {tasks:,}: "
                f"{len(self.search_seeds)} searches of {self.search.shards} shards at each budget; lower `shards`, or "
                '`replicates`, or leave "search" out of `vary`'
            )
        return self

    @model_validator(mode="after")
    def _has_the_backend_of_its_loop(self):
        if self.training.loop == "epochs" and self.backend != "jax":
            raise ValueError(
                f"expected the backend jax for a loop over epochs, which no other has, received {self.backend}; "
                'set `backend = "jax"` in the profile and KERAS_BACKEND nowhere, or `loop = "steps"` in its training'
            )
        return self

    def dataset(self, name: str | None) -> Dataset:
        """The dataset of that name.

        Raises:
            RequestError: this run does not ask for it.
        """
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        raise RequestError(f"run {self.run}: expected one of its datasets, received {name!r}")

    def alone(self, name: str) -> "Request":
        """What the run asks of one dataset.

        Raises:
            RequestError: it does not ask for it.
        """
        return self.model_copy(update={"datasets": (self.dataset(name),)})

    @property
    def has_pages(self) -> bool:
        """Whether each dataset has a page of its own, as there are too many for one."""
        return len(self.datasets) > TOGETHER

    @property
    def comparisons(self) -> tuple[Dataset, ...]:
        """What is compared by itself: every dataset, at each of the run's budgets where there are several."""
        return tuple(
            dataset.model_copy(update={"budget": budget}) if budget else dataset
            for dataset in self.datasets
            for budget in self.budgets or (None,)
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed a replicate."""
        return tuple(range(self.seed, self.seed + self.training.replicates))

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """One seed a search of a family: that of the run, or that of every replicate where these differ in it."""
        return self.seeds if self.training.has_own_searches else (self.seed,)


def enough_examples(classes: int, validation_fraction: float) -> int:
    """The smallest sample of a training part that can be cut in two with every class on both sides."""
    # The validation part has its share of the sample, rounded up.
    enough = max(2 * classes, math.floor((classes - 1) / validation_fraction) + 1)
    while enough - math.ceil(enough * validation_fraction) < classes:
        enough += 1
    return enough


def slug(run_id: str) -> str:
    """`run_id` made safe for keys and paths; a changed one carries a digest, so that two ids never meet."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", run_id).lstrip("._-")
    if safe and safe == run_id and len(safe) <= SLUG:
        return safe
    # A command line may hold bytes that are no text; they come as lone surrogates.
    return f"{safe[: SLUG - 9] or 'run'}-{hashlib.sha256(run_id.encode(errors='surrogatepass')).hexdigest()[:8]}"


def request_key(run: str) -> str:
    """Where the store keeps the frozen request of `run`."""
    return f"runs/{run}/request.json"
