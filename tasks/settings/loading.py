"""The configuration in `config/`: read from TOML, checked once, and resolved with a person's parameters."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field, model_validator

from tasks.errors import RequestError
from tasks.project import CONFIG, PROJECT
from tasks.settings.addresses import Address
from tasks.settings.dataset import Dataset
from tasks.settings.notifications import Notifications
from tasks.settings.orchestration import Orchestration
from tasks.settings.perimeter import Perimeter
from tasks.settings.promotion import Promotion
from tasks.settings.reading.extensions import EXTENSIONS, Offered, hint, offered
from tasks.settings.reading.messages import one_of, shown
from tasks.settings.reading.toml_file import TomlFile, TomlLayers
from tasks.settings.request import Parameters, Request
from tasks.settings.standards import Standards
from tasks.settings.training import BACKENDS, Profile
from tasks.settings.values import Frozen, Name, parse

SITE = "site"  # the folder in the configuration for what is a person's own


class Downloads(Frozen):
    """What downloads may reach beside public addresses: folders, each with all below it, and servers of one's own."""

    allowed_addresses: tuple[Address, ...] = ()


class Workflow(Frozen):
    """What `workflow.toml` says, with a `site.toml` laid over it."""

    orchestration: Orchestration
    downloads: Downloads = Downloads()
    standards: Standards = Standards()
    promotion: Promotion = Promotion()
    notifications: Notifications = Notifications()
    profiles: dict[Name, Profile] = Field(min_length=1)

    @model_validator(mode="after")
    def _schedules_a_profile(self):
        if self.orchestration.scheduled_profile not in self.profiles:
            problem = one_of(self.profiles, self.orchestration.scheduled_profile)
            raise ValueError(f"orchestration.scheduled_profile: {problem}")
        return self


class Configuration(Workflow):
    """The whole of `config/`, and the names of the files that offer families, formats and runners.

    `unusable` says of each dataset, family, format and runner that cannot be used why, by its kind and name. A trainer
    image has no runners, and needs none.
    """

    datasets: dict[str, Dataset]
    families: tuple[Name, ...]
    formats: tuple[Name, ...]
    runners: tuple[Name, ...]
    unusable: dict[str, dict[str, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _knows_families(self):
        known = (*self.families, *self.unusable.get("families", ()))
        named = {"orchestration.priority_families": self.orchestration.priority_families}
        named |= {f"profiles.{name}.search.first": tuple(each.search.first) for name, each in self.profiles.items()}
        for where, families in named.items():
            for family in families:
                if family not in known:
                    raise ValueError(f"{where}: {one_of(known, family)}")
        return self

    def chosen(self, kind: str, wanted: Iterable[str] | None) -> tuple[str, ...]:
        """The usable names of that `kind` cut to those `wanted`, in their order; None or nothing wanted means all.

        Raises:
            RequestError: a name is unknown, or cannot be used; or there is none at all.
        """
        asked, usable = tuple(wanted or ()), tuple(getattr(self, kind))
        if not usable and not self.unusable.get(kind):
            raise RequestError(f"{kind}: expected at least one, found none in the configuration")
        missing = [name for name in asked if name not in usable] if usable else self.unusable[kind]
        if missing:
            raise RequestError("\n".join(f"{kind}: {self._problem(kind, name)}" for name in missing))
        return tuple(name for name in usable if not asked or name in asked)

    def _problem(self, kind: str, name: str) -> str:
        reason = self.unusable.get(kind, {}).get(name)
        return f"{name} cannot be used: {reason}" if reason else one_of(getattr(self, kind), name) + hint(kind)

    def with_runner(self, name: str | None) -> "Configuration":
        """The same with another runner; None or nothing keeps the configured one.

        Raises:
            RequestError: there is no such runner.
        """
        runner = name or self.orchestration.runner
        if runner not in self.runners:
            raise RequestError(f"runner: {self._problem('runners', runner)}")
        return self.model_copy(update={"orchestration": self.orchestration.model_copy(update={"runner": runner})})


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder with the configuration: the one in WORKFLOW_CONFIG, or the project's own."""
    return Path(environment.get("WORKFLOW_CONFIG") or CONFIG)


def config_file(folder: Path, name: str) -> Path:
    """The file of that name in the configuration of `folder`: its own, or else the project's if it is a site's."""
    found = [layer / name for layer in _layers(folder) if (layer / name).exists()]
    return found[-1] if found else folder / name


def _layers(folder: Path) -> tuple[Path, ...]:
    """The folders whose files make up the configuration, later ones laid over earlier ones.

    One with a `workflow.toml` is whole by itself, with what its folder `site` adds. Any other with something of a site
    in it adds to the project's own.
    """
    own = folder / SITE
    if (folder / "workflow.toml").exists():
        return (folder, own) if own.is_dir() else (folder,)
    is_site = any((folder / name).exists() for name in ("site.toml", "datasets"))
    return (CONFIG, folder) if is_site else (folder,)


def site_folder(environment: Mapping[str, str]) -> Path:
    """The folder for a person's own configuration: the one in WORKFLOW_CONFIG, or `site` in the project's."""
    named = environment.get("WORKFLOW_CONFIG")
    return Path(named) if named else CONFIG / SITE


def configured(environment: Mapping[str, str]) -> Configuration:
    """The configuration in the folder that `environment` names; RUNNER in it chooses another runner."""
    return load_configuration(config_folder(environment)).with_runner(environment.get("RUNNER"))


def load_configuration(folder: Path = CONFIG, project: Path = PROJECT) -> Configuration:
    """Read `workflow.toml` and `datasets/*.toml` under `folder`; families, formats and runners are files of `project`.

    `site.toml`, where there is one, is laid over `workflow.toml`: what is particular to one machine or cluster. A
    folder without a `workflow.toml` is laid over the project's own: its `site.toml`, and file by file its datasets.

    A dataset, family, format or runner that cannot be used does not spoil the others: `unusable` says why.

    Raises:
        RequestError: `workflow.toml` or `site.toml` is wrong: the file, the line, what was expected, what was received.
    """
    layers = _layers(folder)
    sites = [path for layer in layers if (path := layer / "site.toml").exists()]
    files = TomlLayers([TomlFile(path) for path in (layers[0] / "workflow.toml", *sites)])
    workflow = parse(Workflow, files.table, files.place)
    found = {name: offered(kind, project) for name, kind in EXTENSIONS.items()}
    datasets, unusable = _datasets(layers, found["formats"])
    return parse(
        Configuration,
        dict(workflow)
        | {name: each.names for name, each in found.items()}
        | {"datasets": datasets}
        | {"unusable": {name: each.unusable for name, each in found.items()} | {"datasets": unusable}},
        files.place,
    )


def _datasets(layers: Iterable[Path], formats: Offered) -> tuple[dict[str, Dataset], dict[str, str]]:
    """The datasets by name, and why others cannot be used."""
    files = {path.stem: path for layer in layers for path in (layer / "datasets").glob("*.toml")}
    datasets, unusable = {}, {}
    for name, path in sorted(files.items()):
        try:
            datasets[name] = _dataset(TomlFile(path), formats)
        except RequestError as error:
            unusable[_readable(name)] = _readable(str(error))
    return datasets, unusable


def _readable(text: str) -> str:
    """`text` that can be stored and shown: a file's name need not be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _dataset(file: TomlFile, formats: Offered) -> Dataset:
    """The dataset in a file, whose name is its own."""
    name = file.path.stem
    if "name" in file.table:
        received = shown(file.table["name"])
        raise RequestError(
            f"{file.place(('name',))}: name: expected none, as the file's name is the dataset's: {name}; "
            f"received {received}"
        )
    dataset = parse(Dataset, {"name": name} | file.table, file.place)
    if dataset.reader not in formats.names:
        reason = formats.unusable.get(dataset.reader) or one_of(formats.names, dataset.reader) + hint("formats")
        raise RequestError(f"{file.place(('reader',))}: reader: {reason}")
    return dataset


def resolve(
    config: Configuration, params: Parameters, run: str, backend: str | None = None, *, own_mirror: str | None = None
) -> Request:
    """The request that `params` make of `config`: the profile, with the overrides laid over it.

    `backend` is the one that the machine's owner names in place of the profile's.
    `own_mirror` is the mirror set by the machine's owner. It is used when `params` name none, and is always allowed.

    Raises:
        RequestError: a parameter is unknown, out of range or out of reach.
    """
    if params.profile not in config.profiles:
        raise RequestError(f"profile: {one_of(config.profiles, params.profile)}")
    if backend and backend not in BACKENDS:
        raise RequestError(f"KERAS_BACKEND: {one_of(BACKENDS, backend)}")
    profile = config.profiles[params.profile]
    names = config.chosen("datasets", params.datasets)
    budgets = params.budgets or ()
    only = {"budget": budgets[0]} if len(budgets) == 1 else {}
    trials = params.trials or profile.search.trials
    allowed = (*config.downloads.allowed_addresses, *([own_mirror] if own_mirror else []))
    if params.mirror:
        Perimeter(allowed).check(params.mirror)
    return parse(
        Request,
        {
            "run": run,
            "profile": params.profile,
            "datasets": [config.datasets[name].model_dump() | only for name in names],
            "budgets": () if only else budgets,
            "families": config.chosen("families", params.families),
            "seed": profile.seed,
            "validation_fraction": profile.validation_fraction,
            "examples": profile.examples,
            "search": _overridden(
                profile.search, trials=trials, shards=min(profile.search.shards, profile.search.cohorts(trials))
            ),
            "training": _overridden(profile.training, epochs=params.epochs, replicates=params.replicates),
            "standards": config.standards,
            "backend": backend or profile.backend,
            "mirror": params.mirror or own_mirror or None,
            "allowed_addresses": allowed,
            "force": params.force,
        },
        "request",
    )


def _overridden(settings: Frozen, **overrides: object) -> dict:
    return settings.model_dump() | {name: value for name, value in overrides.items() if value is not None}
