"""A published report as a bundle: all its files brought into a folder and verified, or links to them that expire.

Every file is verified before it gets its name, and SHA256SUMS comes last. So a folder with it holds the whole report,
and a download that was cut off goes on where it ended.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import DataError, RequestError
from tasks.report.documents import CHECKSUMS, DOCUMENTS, LATER, PARTS
from tasks.report.published import LINE
from tasks.runs.order import latest
from tasks.runs.scratch import scratch_folder
from tasks.settings.request import slug
from tasks.settings.workflow import report_key
from tasks.storage.artifacts import file_digest
from tasks.storage.contract import ObjectMissing, Store

LATEST = "latest"
AGAIN = "download it again; if it stays, `python -m tasks verify` says what is wrong"
UNFINISHED = ".download-"  # begins the name of the folder, beside the files, for what is not verified yet
ATTEMPTS = 2  # at a file whose digest is wrong: the transfer may be at fault


class Report(NamedTuple):
    """One published report: its run, the digest and the size in bytes of each file by its name, and SHA256SUMS."""

    run: str
    digests: Mapping[str, str]
    sizes: Mapping[str, int]
    sums: bytes


class Progress(NamedTuple):
    """How far a download is: files and bytes of all of them that are there."""

    file: int
    files: int
    done: int
    size: int


def folder_named(name: str) -> Path | None:
    """The folder that is called so; None where `name` is that of a run, which has no slash.

    Raises:
        RequestError: it is the path of no folder.
    """
    if Path(name).is_dir():
        return Path(name)
    if "/" in name:
        raise RequestError(f"{name}: expected a folder with a report, found none; `make run` makes reports/latest")
    return None


def run_named(store: Store, name: str) -> str:
    """The run that is called so, or the newest one for `latest`.

    Raises:
        RequestError: the store has no report of such a run, or none at all.
        DataError: `name` is `latest`, and what says which that is, is damaged.
    """
    found = latest(store) if name == LATEST else slug(name)  # a reader need not be allowed to see more than `reports/`
    if found and store.exists(report_key(found, "report.json")):
        return found
    raise RequestError(f"{store.uri}: expected a run with a report, received {name!r:.200}; {_newest(store)}")


def _newest(store: Store) -> str:
    """What the store has, in words."""
    try:
        newest = latest(store)
    except DataError as error:
        return str(error)
    return f"the newest is {newest}" if newest else "it has none yet"


def published(store: Store, run: str) -> Report:
    """What the store has of the report of `run`.

    Raises:
        DataError: a file is missing, or SHA256SUMS and report.json contradict each other.
    """
    prefix = report_key(run)
    sizes = {entry.key.removeprefix(prefix): entry.size for entry in store.entries(prefix)}
    try:
        sums, document = (store.read(report_key(run, name)) for name in (CHECKSUMS, "report.json"))
    except ObjectMissing as error:
        raise DataError(f"{error}; {AGAIN}") from None
    digests = _listed(sums, f"{store.uri}/{prefix}{CHECKSUMS}")
    parts = {name for name in digests if name.startswith(PARTS)}
    expected = {*DOCUMENTS, *parts, *_predictions(document, prefix)} - (LATER - {*digests})
    if odd := sorted({*digests} ^ expected | {*digests} - {*sizes}):
        raise DataError(f"{store.uri}/{prefix}: expected the files of report.json, received others: {odd[0]}; {AGAIN}")
    for name, digest in _predictions(document, prefix).items():
        if digests[name] != digest:
            raise DataError(f"{store.uri}/{prefix}{name}: report.json and {CHECKSUMS} name two digests; {AGAIN}")
    return Report(run, digests, {name: sizes[name] for name in digests}, sums)


def _listed(sums: bytes, where: str) -> dict[str, str]:
    """Digest by name, of the lines of SHA256SUMS."""
    found = [LINE.fullmatch(line) for line in sums.decode(errors="replace").splitlines()]
    if not found or None in found:
        raise DataError(f"{where}: expected lines of a digest and a name, received others; {AGAIN}")
    return {line["name"]: line["digest"] for line in found if line}


def _predictions(document: bytes, prefix: str) -> dict[str, str]:
    """The digests of the predictions that a report.json of any version names."""
    try:
        content = json.loads(document)
    except ValueError:
        raise DataError(f"{prefix}report.json: expected JSON, received something else; {AGAIN}") from None
    return {str(key).removeprefix(prefix): str(digest) for key, digest in _pairs(content)}


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    """Every key of predictions with the digest beside it."""
    if isinstance(value, dict):
        if value.get("predictions") and value.get("predictions_sha256"):
            yield value["predictions"], value["predictions_sha256"]
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _pairs(member)


def download(store: Store, report: Report, folder: Path, tell: Callable[[Callable[[], Progress]], object]) -> int:
    """Bring the files of `report` that `folder` lacks; how many those were.

    `tell` gets, before the first transfer, a function that says how far it is; any thread may call it.

    Raises:
        RequestError: the folder holds something else.
        DataError: a file is not what its digest promises.
        OSError: the folder cannot be written to; the message says why, and what to do.
    """
    with _explained(folder):
        there = _kept(report, folder)
        missing = [name for name in report.digests if name not in there]
        if not missing and CHECKSUMS in there:
            return 0
        folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder, UNFINISHED) as scratch:
            transfer = _Transfer(store, report, folder, scratch, there)
            tell(transfer.progress)
            for name in missing:
                transfer.bring(name)
            (scratch / CHECKSUMS).write_bytes(report.sums)
            (scratch / CHECKSUMS).replace(folder / CHECKSUMS)
    return len(missing) + 1


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        received = f"expected a folder with room that may be written to, received: {error.strerror or error}"
        raise OSError(f"{folder}: {received}; mend that, or name another folder (TO)") from error


def _kept(report: Report, folder: Path) -> set[str]:
    """The files of the report that `folder` has.

    Raises:
        RequestError: it has others, or others of these names, or is no folder.
    """
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise RequestError(f"{folder}: expected a folder, or a new name, received a file; name another one (TO)")
    found = set()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if not _is_of(report, name, path):
            other = f"expected an empty folder or one with the report of {report.run}, received {name}"
            raise RequestError(f"{folder}: {other}, which is not of it; name another folder (TO), or remove that file")
        found.add(name)
    return found


def _files(folder: Path) -> Iterator[Path]:
    """What lies in the folder and the folders in it, but for what a killed download left."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from () if path.name.startswith(UNFINISHED) else _files(path)
        else:
            yield path


def _is_of(report: Report, name: str, path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if name == CHECKSUMS:
        return path.read_bytes() == report.sums
    return name in report.digests and file_digest(path) == report.digests[name]


class _Transfer:
    """The files of one report on their way from the store."""

    def __init__(self, store: Store, report: Report, folder: Path, scratch: Path, there: set[str]):
        self._store, self._report, self._folder, self._scratch = store, report, folder, scratch
        self._there = {name for name in report.digests if name in there}

    def progress(self) -> Progress:
        """How far it is, with what has arrived of the present file."""
        sizes, there = self._report.sizes, frozenset(self._there)
        size = sum(sizes.values())
        done = sum(sizes[name] for name in there) + self._arrived()
        return Progress(len(there), len(sizes), min(size, done), size)

    def _arrived(self) -> int:
        """The bytes of the present file that are here; it may get its name at any moment."""
        with suppress(FileNotFoundError):
            return sum(path.stat().st_size for path in self._scratch.iterdir())
        return 0

    def bring(self, name: str) -> None:
        """Download one file, verify it, and give it its name."""
        target, arriving = self._folder / name, self._scratch / "file"
        key, expected = report_key(self._report.run, name), self._report.digests[name]
        for _ in range(ATTEMPTS):
            received = self._received(key, arriving)
            if received == expected:
                break
        else:
            difference = f"expected SHA-256 {expected}, received {received}"
            raise DataError(f"{self._store.uri}/{key}: {difference}; {AGAIN}")
        target.parent.mkdir(exist_ok=True)
        arriving.replace(target)
        self._there.add(name)

    def _received(self, key: str, path: Path) -> str:
        try:
            self._store.download(key, path)
        except ObjectMissing as error:
            raise DataError(f"{error}; {AGAIN}") from None
        return file_digest(path)


def links(store: Store, run: str, seconds: int) -> dict[str, str]:
    """A link to each document that the report of `run` has, which whoever has it can open for so many seconds.

    Raises:
        RequestError: the store is a folder.
    """
    there = {*store.list(report_key(run))}
    keys = {name: report_key(run, name) for name in sorted(DOCUMENTS)}
    return {name: store.link(key, seconds) for name, key in keys.items() if key in there}
