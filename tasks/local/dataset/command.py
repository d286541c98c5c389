"""The commands for a person's own datasets: add one from images, show one, list all, remove one."""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from tasks.errors import DataError, RequestError, shown
from tasks.local.dataset import view
from tasks.local.dataset.estimate import estimate
from tasks.local.dataset.proposal import proposal, toml
from tasks.local.dataset.survey import Survey, files_at, look, reader_of, survey
from tasks.local.view.voice import Voice
from tasks.project import CONFIG
from tasks.settings.addresses import checked_address
from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration, configured, site_folder
from tasks.settings.values import MAX_NAME, Frozen, Name, parse
from tasks.storage.provenance import cores

RULE = re.compile(r"[^a-z0-9_]+")
EXAMPLE = "make dataset NAME=flowers FROM=/photos/flowers"
REMOVE = ".venv/bin/python -m tasks.local dataset remove"


class _Named(Frozen):
    name: Name


def add(name: str, source: str, labels: str | None, console: Console) -> None:
    """Look at the images at `source`, show what is there, and write the TOML of the dataset `name`.

    `labels` names the column that tells the classes, where there are several.

    Raises:
        RequestError: the name or the address is wrong, or the name is taken; nothing was written.
        DataError: the images make no dataset; nothing was written.
        StoreError, DownloadError: the source cannot be reached.
    """
    if not (name and source):
        raise RequestError(f"expected a name and a source, received one or none; for example: {EXAMPLE}")
    _check_name(name)
    configuration = configured(os.environ)
    path = _own_file(name)
    _check_new(name, path, configuration)
    dataset, found = _surveyed(name, _address(source), None, labels, console)
    _show(dataset, found, configuration, console)
    _write(path, toml(dataset, found.classes))
    view.print_line(console, f"written: {_relative(path)}; look into it and change what you like")
    view.print_line(console, f"next: make run DATASETS={name}", style="bold")


def _check_new(name: str, path: Path, configuration: Configuration) -> None:
    if os.path.lexists(path):
        raise RequestError(
            f"{name}: expected a new name, received one that has the file {_relative(path)}; "
            f"choose another, or remove it first: {REMOVE} {name}"
        )
    if name in configuration.datasets or name in configuration.unusable.get("datasets", {}):
        raise RequestError(f"{name}: expected a new name, received that of a dataset of the project; choose another")


def _write(path: Path, text: str) -> None:
    """Make a new file of this text.

    Raises:
        RequestError: it was written meanwhile, or must not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RequestError(f"{_relative(path)}: expected to write a new file: {error.strerror}") from None


def show(name: str, console: Console) -> None:
    """Show a dataset: what its TOML says, and of one that may change, what lies at its location now.

    Raises:
        RequestError: there is no such dataset, or it cannot be used.
        DataError, StoreError, DownloadError: its location cannot be read.
    """
    configuration = configured(os.environ)
    configuration.chosen("datasets", [name])
    dataset = configuration.datasets[name]
    if dataset.location is None or dataset.canvas is None:
        view.describe(console, dataset)
        return
    _, found = _surveyed(name, dataset.location, dataset, dataset.labels, console)
    _show(dataset, found, configuration, console)


def list_all(console: Console) -> None:
    """Show all datasets, and why others cannot be used."""
    configuration = configured(os.environ)
    own = [path.stem for path in (site_folder(os.environ) / "datasets").glob("*.toml")]
    view.show_all(console, configuration, own)


def remove(name: str, console: Console) -> None:
    """Remove the TOML of one's own dataset. What runs made of it stays in the store.

    Raises:
        RequestError: there is none in the site's folder.
    """
    _check_name(name)
    path = _own_file(name)
    if not os.path.lexists(path):
        known = "one of the project, which stays" if name in configured(os.environ).datasets else "none of that name"
        raise RequestError(f"{name}: expected a dataset of your own in {_relative(path.parent)}, found {known}")
    try:
        path.unlink()
    except OSError as error:
        raise RequestError(f"{_relative(path)}: expected a file to remove: {error.strerror}") from None
    view.print_line(console, f"removed: {_relative(path)}; the images and all results stay")


def _check_name(name: str) -> None:
    try:
        parse(_Named, {"name": name}, "NAME")
    except RequestError as error:
        better = RULE.sub("_", name.lower()).lstrip("_0123456789")[:MAX_NAME].rstrip("_")
        hint = f"; try NAME={better}" if better and better != name else ""
        raise RequestError(f"{error}{hint}") from None


def _own_file(name: str) -> Path:
    return site_folder(os.environ) / "datasets" / f"{name}.toml"


def _address(text: str) -> str:
    """An address as it is, or a path as one from the root.

    Raises:
        RequestError: it is no address, or nothing lies there.
    """
    if not urlsplit(text).scheme:
        path = Path(text).expanduser()
        if not path.exists():
            raise RequestError(
                f"FROM: expected a folder, a file or an address, received {shown(text)}: nothing is there"
            )
        text = str(path.resolve())
    try:
        return checked_address(text)
    except ValueError as error:
        raise RequestError(f"FROM: {error}, received {shown(text)}") from None


def _surveyed(
    name: str, address: str, known: Dataset | None, labels: str | None, console: Console
) -> tuple[Dataset, Survey]:
    """The dataset at an address, the `known` one or a proposal, and what lies there."""
    voice = Voice(console)
    with tempfile.TemporaryDirectory(prefix="dataset-") as scratch, voice.keeping_alive():
        with voice.busy(f"reading {shown(address)}"):
            files = files_at(address, name, Path(scratch), lambda line: view.print_line(console, line))
        reader = known.reader if known else reader_of(files)
        with view.tracking(console, "looking at images") as track:
            seen = look(reader, files, labels, track)
        if not len(seen.sizes):
            raise DataError(
                f"{shown(address)}: expected images, received {seen.labels.total():,} that cannot be decoded"
            )
        dataset = known or proposal(name, address, seen, labels)
        with view.tracking(console, "decoding images") as track:
            return dataset, survey(seen, files, dataset, Path(scratch), track)


def _show(dataset: Dataset, found: Survey, configuration: Configuration, console: Console) -> None:
    view.describe(console, dataset)
    view.show(console, dataset, found)
    sizes = {name: sum(counts) for name, counts in found.counts.items()}
    estimates = {
        name: estimate(dataset, profile, sizes["train"], sum(sizes.values()), cores())
        for name, profile in configuration.profiles.items()
        if name != "gpu"  # its time on these cores says nothing of a GPU
    }
    view.show_estimates(console, estimates, cores())


def _relative(path: Path) -> Path:
    """A path as one types it from the project's folder, where it lies there."""
    root = CONFIG.parent
    return path.relative_to(root) if path.is_relative_to(root) else path
