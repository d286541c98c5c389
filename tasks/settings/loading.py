"""The configuration in `config/`: read from TOML, checked once, and resolved with a person's parameters."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import model_validator

from tasks.errors import RequestError
from tasks.project import CONFIG, PROJECT
from tasks.settings.addresses import Address
from tasks.settings.dataset import Dataset
from tasks.settings.orchestration import Orchestration
from tasks.settings.perimeter import Perimeter
from tasks.settings.request import Parameters, Request
from tasks.settings.training import Profile
from tasks.settings.values import Frozen, Name, parse

# Folders with one file a thing, found by its name: a new file is a new family, format or runner.
EXTENSIONS = {"families": "tasks/models", "formats": "tasks/data/formats", "runners": "dags/runners"}


class Downloads(Frozen):
    """What downloads may reach beside public addresses: folders, each with all below it, and servers of one's own."""

    allowed_addresses: tuple[Address, ...] = ()


class Configuration(Frozen):
    """The whole of `config/`, and the names of the files that offer families, formats and runners.

    A trainer image has no runners, and needs none.
    """

    orchestration: Orchestration
    downloads: Downloads = Downloads()
    profiles: dict[Name, Profile]
    datasets: dict[Name, Dataset]
    families: tuple[Name, ...]
    formats: tuple[Name, ...]
    runners: tuple[Name, ...]

    @model_validator(mode="after")
    def _can_read_every_dataset(self):
        for dataset in self.datasets.values():
            if dataset.reader not in self.formats:
                raise ValueError(
                    f"datasets.{dataset.name}.reader: expected a file of tasks/data/formats/ "
                    f"({', '.join(self.formats)}), received {dataset.reader!r}"
                )
        return self

    def with_runner(self, name: str | None) -> "Configuration":
        """The same with another runner; None or nothing keeps the configured one.

        Raises:
            RequestError: there is no such runner.
        """
        runner = name or self.orchestration.runner
        if runner not in self.runners:
            raise RequestError(
                f"runner: expected a file of dags/runners/ ({', '.join(self.runners)}), received {runner!r}"
            )
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

    One with a `workflow.toml` is whole by itself. Any other with something of a site in it adds to the project's own.
    """
    is_site = any((folder / name).exists() for name in ("site.toml", "datasets"))
    return (CONFIG, folder) if is_site and not (folder / "workflow.toml").exists() else (folder,)


def configured(environment: Mapping[str, str]) -> Configuration:
    """The configuration in the folder that `environment` names; RUNNER in it chooses another runner."""
    return load_configuration(config_folder(environment)).with_runner(environment.get("RUNNER"))


def load_configuration(folder: Path = CONFIG, project: Path = PROJECT) -> Configuration:
    """Read `workflow.toml` and `datasets/*.toml` under `folder`; families, formats and runners are files of `project`.

    `site.toml`, where there is one, is laid over `workflow.toml`: what is particular to one machine or cluster. A
    folder without a `workflow.toml` is laid over the project's own: its `site.toml`, and file by file its datasets.

    Raises:
        RequestError: naming the file, the field, what was expected and what was received.
    """
    layers = _layers(folder)
    workflow = _read_toml(layers[0] / "workflow.toml")
    for site in (layer / "site.toml" for layer in layers):
        workflow = _laid_over(workflow, _read_toml(site)) if site.exists() else workflow
    files = {path.stem: path for layer in layers for path in (layer / "datasets").glob("*.toml")}
    datasets = {name: {"name": name} | _read_toml(path) for name, path in sorted(files.items())}
    offered = {name: _modules(project / place) for name, place in EXTENSIONS.items()}
    return parse(Configuration, workflow | offered | {"datasets": datasets}, str(folder))


def _modules(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")))


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


def resolve(
    config: Configuration, params: Parameters, run: str, backend: str = "tensorflow", *, own_mirror: str | None = None
) -> Request:
    """The request that `params` make of `config`: the profile, with the overrides laid over it.

    `own_mirror` is the mirror set by the machine's owner. It is used when `params` name none, and is always allowed.

    Raises:
        RequestError: a parameter is unknown, out of range or out of reach.
    """
    if params.profile not in config.profiles:
        raise RequestError(f"profile: expected one of {', '.join(config.profiles)}; received {params.profile!r}")
    profile = config.profiles[params.profile]
    names = _chosen("datasets", params.datasets, tuple(config.datasets))
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
            "families": _chosen("families", params.families, config.families),
            "seed": profile.seed,
            "validation_fraction": profile.validation_fraction,
            "examples": profile.examples,
            "search": _overridden(profile.search, trials=trials, shards=min(profile.search.shards, trials)),
            "training": _overridden(profile.training, epochs=params.epochs, replicates=params.replicates),
            "backend": backend,
            "mirror": params.mirror or own_mirror or None,
            "allowed_addresses": allowed,
            "force": params.force,
        },
        "request",
    )


def _overridden(settings: Frozen, **overrides: object) -> dict:
    return settings.model_dump() | {name: value for name, value in overrides.items() if value is not None}


def _chosen(what: str, wanted: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """`known` cut to `wanted`, in the order of `known`; None or nothing wanted means all."""
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise RequestError(f"{what}: expected some of {', '.join(known)}; received {', '.join(unknown)}")
    return tuple(name for name in known if not wanted or name in wanted)
