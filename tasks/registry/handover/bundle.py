"""The finished bundle of a run, from the store or from a folder, every file of it verified."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tasks.comparison.schema.report import Comparison
from tasks.errors import DataError
from tasks.report.audit import Audit
from tasks.report.between.contrast import in_folder
from tasks.report.bundle import download, folder_named, published, run_named
from tasks.report.documents import CHECKSUMS, DOCUMENTS
from tasks.report.published import PublishedReport
from tasks.runs.scratch import scratch
from tasks.storage.contract import Store


class Bundle(NamedTuple):
    """A report with its files in a folder; `digest` is the SHA-256 of its SHA256SUMS, and so of all of them."""

    folder: Path
    comparison: Comparison
    digest: str

    @property
    def documents(self) -> list[Path]:
        """Those that it has: an earlier release made fewer."""
        names = (*DOCUMENTS, CHECKSUMS)
        return [self.folder / name for name in names if (self.folder / name).exists()]


@contextmanager
def opened(name: str, store: Callable[[], Store]) -> Iterator[Bundle]:
    """The bundle in the folder `name`, or that of the run `name`, or `latest`, of the store that `store` opens.

    Raises:
        RequestError: there is no such bundle.
        DataError: a file of it is missing, or is not what its digest promises.
    """
    if folder := folder_named(name):
        yield _whole(folder)
        return
    source = store()
    with scratch() as room:
        download(source, published(source, run_named(source, name)), room / "report", lambda progress: None)
        yield _whole(room / "report")


def _whole(folder: Path) -> Bundle:
    comparison, audit = in_folder(folder).comparison, Audit()
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    PublishedReport(lambda name: (folder / name).read_bytes(), names, audit).check_files(comparison)
    if comparison.run != comparison.request.run:
        raise DataError(f"{folder}: expected the report of {comparison.request.run}, received one of another run")
    if audit.findings:
        raise DataError(f"{folder}: expected a whole report, received: {audit.findings[0]}; download it again")
    return Bundle(folder, comparison, sha256((folder / CHECKSUMS).read_bytes()).hexdigest())
