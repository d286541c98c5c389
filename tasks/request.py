"""The typed configuration, and the frozen request of one run.

Everything here is a value read from TOML or from the trigger form, checked once. Standard library and pydantic only:
the DAG file imports this module and `tasks.orchestration`, and nothing else of `tasks`.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, model_validator

from tasks.errors import RequestError
from tasks.orchestration import Orchestration
from tasks.perimeter import Address, Perimeter
from tasks.values import Frozen, Name

PROJECT = Path(__file__).resolve().parent.parent
CONFIG = PROJECT / "config"

FILE = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
FileName = Annotated[str, StringConstraints(pattern=f"^{FILE}$")]
Member = Annotated[str, StringConstraints(pattern=f"^({FILE}/){{0,9}}{FILE}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\p{Cc}]{1,200}$")]  # for people: no control characters
Side = Annotated[int, Field(ge=1, le=1024)]
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$")]
Fraction = Annotated[float, Field(gt=0, le=1)]
Budget = Annotated[int, Field(ge=1_000, le=100_000_000)]
Count = Annotated[int, Field(ge=1, le=10_000)]
BUDGETS = 8  # at most in one run: each is a search and trainings of its own
SHARDS = 64  # at most of one search
SLUG = 130  # characters of a run's name in keys and paths, its digest included
Value = TypeVar("Value", bound=BaseModel)


def _ascending(budgets: tuple[int, ...]) -> tuple[int, ...]:
    twice = sorted({budget for budget in budgets if budgets.count(budget) > 1})
    if twice:
        raise ValueError(f"expected different budgets, received {', '.join(map(str, twice))} more than once")
    return tuple(sorted(budgets))


Budgets = Annotated[tuple[Budget, ...], Field(max_length=BUDGETS), AfterValidator(_ascending)]


class Source(Frozen):
    """One upstream file: its addresses in order, and the SHA-256 of the file or of each archive member read from it."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    sha256: Sha256 | None = None
    members: dict[Member, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_digest(self):
        if (self.sha256 is None) == (not self.members):
            raise ValueError(f"{self.name}: expected either sha256 (a plain file) or members (an archive)")
        if self.members and len(self.digests) < len(self.members):
            raise ValueError(f"{self.name}: expected members of different base names, received two of one")
        return self

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 by the name of the file that `fetch` keeps: the file itself, or each member's base name."""
        return {self.name: self.sha256} if self.sha256 else {PurePosixPath(m).name: d for m, d in self.members.items()}


class Splits(Frozen):
    """The files that make the official training part and the official test part, in reading order."""

    train: tuple[FileName, ...] = Field(min_length=1)
    test: tuple[FileName, ...] = Field(min_length=1)


class Augmentation(Frozen):
    """Which label-preserving transforms a dataset allows; `shift` is in pixels, each way."""

    flip: bool = False
    shift: int = Field(default=0, ge=0, le=16)


class Dataset(Frozen):
    """One file of `config/datasets/`; its name is the file's stem, its budget a parameter count."""

    name: Name
    title: Text
    reader: Literal["idx", "cifar"]
    shape: tuple[Side, Side, Side]
    classes: tuple[Text, ...] = Field(min_length=2, max_length=256)  # labels are bytes
    budget: Budget
    mirror_folder: FileName
    splits: Splits
    augmentation: Augmentation = Augmentation()
    sources: tuple[Source, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_every_file(self):
        known = {file for source in self.sources for file in source.digests}
        missing = sorted({*self.splits.train, *self.splits.test} - known)
        if missing:
            raise ValueError(f"splits: expected files of the sources, received {', '.join(missing)}")
        return self


class Search(Frozen):
    """How hyper-parameters are searched; `fraction` of the training part is what a trial learns from.

    `shards` is how many tasks share the trials of a family; the trials, and the best of them, are the same for any.
    """

    tuner: Literal["random", "bayesian", "hyperband"]
    trials: Count
    epochs: Count
    fraction: Fraction = 1.0
    shards: Annotated[int, Field(ge=1, le=SHARDS)] = 1

    @model_validator(mode="after")
    def _can_be_shared_out(self):
        if self.shards > 1 and self.tuner != "random":
            raise ValueError(
                f"expected shards = 1 for {self.tuner}, which learns from earlier trials, received {self.shards}; "
                "only the random tuner can share its trials out"
            )
        if self.shards > self.trials:
            raise ValueError(f"expected at most one shard a trial ({self.trials}), received {self.shards}")
        return self

    def numbers(self, shard: int) -> tuple[int, ...]:
        """The trials that `shard` runs; together the shards run each trial once."""
        return tuple(range(shard, self.trials, self.shards))


class Tricks(Frozen):
    """What shortens or improves a training, each by its name: off is `false` or 0. The same for both families.

    `whitening`: a first layer that starts from the training images; `identity`: blocks that start as the identity;
    `alternating_flip`: mirrored in every second epoch, not at random; `averaging`: the decay of the weights' moving
    average; `mixup`: the parameter of the Beta distribution that mixes images; `erasing`: pixels, the side of a square
    of noise; `middle_stage`: one more stage of the CNN, after the first, at half the image's side: a better model of
    the same size that takes twice the time on a CPU. It is the only one that an ANN has no use for.
    """

    optimizer: Literal["muon", "adamw"] = "muon"
    whitening: bool = True
    identity: bool = True
    alternating_flip: bool = True
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0
    erasing: Annotated[int, Field(ge=0, le=64)] = 0
    middle_stage: bool = False


class Training(Frozen):
    """How every model, of either family, is trained: the fairness contract in numbers."""

    replicates: Annotated[int, Field(ge=1, le=100)]
    epochs: Count
    batch_size: Count
    augment: bool = True
    shift_limit: Annotated[int, Field(ge=0, le=16)] = 16  # pixels, whatever more a dataset allows
    deterministic: bool = False
    tricks: Tricks = Tricks()


class Profile(Frozen):
    """A size of run: smoke, quick, full or gpu."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    validation_fraction: Annotated[float, Field(gt=0, le=0.5)]
    search: Search
    training: Training


class Downloads(Frozen):
    """What downloads may reach beside public addresses: folders, each with all below it, and servers of one's own."""

    private: tuple[Address, ...] = ()


class Configuration(Frozen):
    """The whole of `config/`."""

    orchestration: Orchestration
    downloads: Downloads = Downloads()
    profiles: dict[Name, Profile]
    datasets: dict[Name, Dataset]
    families: tuple[Name, ...]

    def with_runner(self, name: str | None) -> "Configuration":
        """The same with another runner; None or nothing keeps the configured one.

        Raises:
            RequestError: there is no such runner.
        """
        wish = {"runner": name} if name else {}
        orchestration = parse(Orchestration, self.orchestration.model_dump() | wish, "RUNNER")
        return self.model_copy(update={"orchestration": orchestration})


class Parameters(Frozen):
    """What a person asks for; None, or an empty list, leaves the profile's, or the dataset's, value."""

    profile: Name = "quick"
    datasets: tuple[Name, ...] | None = None
    families: tuple[Name, ...] | None = None
    trials: Count | None = None
    epochs: Count | None = None
    replicates: Annotated[int, Field(ge=1, le=100)] | None = None
    budgets: Budgets | None = None
    mirror: Address | None = None
    force: bool = False


class Request(Frozen):
    """One run, wholly resolved: every stage reads this and nothing else of the configuration.

    `budgets` are the several ones of a run that draws a frontier, each for every dataset in place of its own; empty
    where each dataset is compared at its one budget.
    """

    version: Literal[1] = 1
    run: RunId
    profile: Name
    datasets: tuple[Dataset, ...] = Field(min_length=1)
    budgets: Budgets = ()
    families: tuple[Name, ...] = Field(min_length=1)
    seed: int
    validation_fraction: float
    search: Search
    training: Training
    backend: Literal["tensorflow", "jax", "torch"] = "tensorflow"
    mirror: Address | None = None
    private: tuple[Address, ...] = ()
    force: bool = False

    def dataset(self, name: str | None) -> Dataset:
        """The dataset of that name.

        Raises:
            RequestError: this run does not ask for it.
        """
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        raise RequestError(f"run {self.run}: expected one of its datasets, received {name!r}")

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


def slug(run_id: str) -> str:
    """`run_id` made safe for keys and paths; a changed one carries a digest, so that two ids never meet."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", run_id).lstrip("._-")
    if safe and safe == run_id and len(safe) <= SLUG:
        return safe
    # A command line may hold bytes that are no text; they come as lone surrogates.
    return f"{safe[: SLUG - 9] or 'run'}-{hashlib.sha256(run_id.encode(errors='surrogatepass')).hexdigest()[:8]}"


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder with the configuration: the one in WORKFLOW_CONFIG, or the project's own."""
    return Path(environment.get("WORKFLOW_CONFIG") or CONFIG)


def configured(environment: Mapping[str, str]) -> Configuration:
    """The configuration in the folder that `environment` names; RUNNER in it chooses another runner."""
    return load_configuration(config_folder(environment)).with_runner(environment.get("RUNNER"))


def load_configuration(folder: Path = CONFIG, models: Path = PROJECT / "tasks" / "models") -> Configuration:
    """Read `workflow.toml` and `datasets/*.toml` under `folder`; the families are the files in `models`.

    `site.toml`, where there is one, is laid over `workflow.toml`: what is particular to one machine or cluster.

    Raises:
        RequestError: naming the file, the field, what was expected and what was received.
    """
    workflow, site = _read_toml(folder / "workflow.toml"), folder / "site.toml"
    if site.exists():
        workflow = _laid_over(workflow, _read_toml(site))
    datasets = {p.stem: {"name": p.stem} | _read_toml(p) for p in sorted((folder / "datasets").glob("*.toml"))}
    families = tuple(sorted(p.stem for p in models.glob("*.py") if not p.stem.startswith("_")))
    return parse(Configuration, workflow | {"datasets": datasets, "families": families}, str(folder))


def _laid_over(base: dict, site: dict) -> dict:
    """`base` with the values of `site` in place of its own, table by table."""
    tables = {
        name: _laid_over(base[name], value)
        for name, value in site.items()
        if isinstance(value, dict) and isinstance(base.get(name), dict)
    }
    return base | site | tables


def _read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RequestError(f"{path}: expected a configuration file, found none") from None
    except (ValueError, RecursionError) as error:  # TOML's own error, a byte that is no text, a list a thousand deep
        raise RequestError(f"{path}: not valid TOML: {error}") from None


def parse(kind: type[Value], data: object, where: str) -> Value:
    """`data` as a `kind`, or a RequestError of one line: place, what was expected, what was received."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        # A key that nobody knows is anybody's text.
        place = ".".join(name if (name := str(part)).isprintable() else ascii(name) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise RequestError(
            f"{where}: {place or kind.__name__:.200}: {first['msg']}; received {first['input']!r:.200}{more}"
        ) from None


def resolve(
    config: Configuration, wish: Parameters, run: str, backend: str = "tensorflow", *, own_mirror: str | None = None
) -> Request:
    """The request that `wish` makes of `config`: the profile, with the overrides laid over it.

    `own_mirror` is the word of the machine's owner: used when `wish` names none, and never out of reach.

    Raises:
        RequestError: something wished for is unknown, out of range or out of reach.
    """
    if wish.profile not in config.profiles:
        raise RequestError(f"profile: expected one of {', '.join(config.profiles)}; received {wish.profile!r}")
    profile = config.profiles[wish.profile]
    names = _chosen("datasets", wish.datasets, tuple(config.datasets))
    budgets = wish.budgets or ()
    only = {"budget": budgets[0]} if len(budgets) == 1 else {}
    trials = wish.trials or profile.search.trials
    private = (*config.downloads.private, *([own_mirror] if own_mirror else []))
    if wish.mirror:
        Perimeter(private).check(wish.mirror)
    return parse(
        Request,
        {
            "run": run,
            "profile": wish.profile,
            "datasets": [config.datasets[name].model_dump() | only for name in names],
            "budgets": () if only else budgets,
            "families": _chosen("families", wish.families, config.families),
            "seed": profile.seed,
            "validation_fraction": profile.validation_fraction,
            "search": _overridden(profile.search, trials=trials, shards=min(profile.search.shards, trials)),
            "training": _overridden(profile.training, epochs=wish.epochs, replicates=wish.replicates),
            "backend": backend,
            "mirror": wish.mirror or own_mirror or None,
            "private": private,
            "force": wish.force,
        },
        "request",
    )


def _overridden(settings: Frozen, **wishes: object) -> dict:
    return settings.model_dump() | {name: value for name, value in wishes.items() if value is not None}


def _chosen(what: str, wanted: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """`known` cut to `wanted`, in the order of `known`; None or nothing wanted means all."""
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise RequestError(f"{what}: expected some of {', '.join(known)}; received {', '.join(unknown)}")
    return tuple(name for name in known if not wanted or name in wanted)
