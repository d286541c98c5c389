"""The commands that read published reports: `verify`, `download`, `presign` and `compare`."""

import argparse
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.commands.store import named_store
from tasks.errors import DataError, RequestError, UncheckedError, shown

if TYPE_CHECKING:
    from tasks.report.audit import Audit
    from tasks.report.between.contrast import Side

VERIFY = "make a report's numbers and documents again, and check every file and digest within reach"
DOWNLOAD = "bring a published report into a folder, and check every file"
PRESIGN = "print links to a report's documents that work without a login until they expire"
COMPARE = "name what differs between two runs, and which differences in their results exceed the noise"
CHAMPIONS = "champions"
VERIFIED = (
    f"a folder with a downloaded report, the name of a run in the store, or `{CHAMPIONS}` for those of all datasets"
)
MAX_LINK_HOURS = 168
RUN = "the name of a run in the store, or `latest`"
TOLD = "a folder with a downloaded report, the name of a run in the store, or `latest`"


def add(commands: Any) -> None:
    """Add them to the commands of a parser."""
    verify = commands.add_parser("verify", help=VERIFY, description=VERIFY)
    verify.add_argument("report", help=VERIFIED)
    verify.set_defaults(run_command=_verify)
    download = commands.add_parser("download", help=DOWNLOAD, description=DOWNLOAD)
    download.add_argument("report", metavar="RUN", help=RUN)
    download.add_argument("to", metavar="TO", nargs="?", type=Path, help="a folder (default: the run's name, here)")
    download.set_defaults(run_command=_download)
    presign = commands.add_parser("presign", help=PRESIGN, description=PRESIGN)
    presign.add_argument("report", metavar="RUN", help=RUN)
    presign.add_argument("--hours", type=_hours, default=24.0, help="how long they work (default: 24, at most 168)")
    presign.set_defaults(run_command=_presign)
    compare = commands.add_parser("compare", help=COMPARE, description=COMPARE)
    compare.add_argument("before", metavar="RUN_A", help=TOLD)
    compare.add_argument("after", metavar="RUN_B", help="another one, usually a later one")
    compare.add_argument("--page", type=Path, metavar="FILE", help="write the same as a page, in HTML")
    compare.set_defaults(run_command=_compare)


def _hours(text: str) -> float:
    """A number of hours.

    Raises:
        ArgumentTypeError: it is no number, or S3 makes no links for so long.
    """
    with suppress(ValueError):
        if 0 < (hours := float(text)) <= MAX_LINK_HOURS:
            return hours
    expected = f"expected a number above 0 and of at most {MAX_LINK_HOURS}, as S3 makes no longer links"
    raise argparse.ArgumentTypeError(f"{expected}, received {shown(text, 40)}")


def _verify(options: argparse.Namespace) -> None:
    audit = _audit(options.report)
    for line in audit.findings:
        print(line)
    for line in audit.unchecked:
        print(f"not checked: {line}")
    if audit.findings:
        raise DataError(f"{options.report}: {len(audit.findings)} things do not agree; looked at {audit}")
    if audit.unchecked:
        raise UncheckedError(f"{options.report}: {len(audit.unchecked)} things were not checked; looked at {audit}")
    print(f"{options.report}: all agrees; looked at {audit}")


def _audit(name: str) -> "Audit":
    """What a verification of the folder, the run or the champions of this name found."""
    from tasks.registry.champions.verification import verify_champions
    from tasks.report.audit import Audit
    from tasks.report.bundle import folder_named, run_named
    from tasks.report.verification import verify_folder, verify_run

    if folder := folder_named(name):
        return verify_folder(folder)
    store = named_store()
    if name == CHAMPIONS:
        audit = Audit()
        verify_champions(store, audit)
        return audit
    run = run_named(store, name)
    audit = verify_run(store, run)
    verify_champions(store, audit, run)
    return audit


def _download(options: argparse.Namespace) -> None:
    from tasks.report import bundle
    from tasks.report.progress_bar import ProgressBar

    with ProgressBar(sys.stderr, "looking for the report") as bar:
        store = named_store()
        report = bundle.published(store, bundle.run_named(store, options.report))
        folder = options.to or Path(report.run)
        brought = bundle.download(store, report, folder, bar.follow)
    print(f"{folder}: the report of {report.run}, {len(report.digests) + 1} files, all verified; {brought} were new")


def _presign(options: argparse.Namespace) -> None:
    from tasks.report import bundle

    store, expiry = named_store(), datetime.now(UTC) + timedelta(hours=options.hours)
    found = bundle.links(store, bundle.run_named(store, options.report), round(3600 * options.hours))
    print(f"Whoever has one of these links reads its document without a login, until {expiry:%Y-%m-%d %H:%M} UTC,")
    print("or until the credentials end that signed it.")
    for name, address in found.items():  # a secret until it expires: printed, and never logged
        print(f"{name} {address}")


def _compare(options: argparse.Namespace) -> None:
    from tasks.report.between.contrast import contrast
    from tasks.report.pages.between.contrast_page import to_contrast_page, to_text

    before, after = _side(options.before), _side(options.after)
    found = contrast(before, after.comparison, after.read)
    compared = before.comparison, after.comparison, found
    print("\n".join(to_text(*compared)))
    if options.page:
        options.page.write_text(to_contrast_page(*compared), encoding="utf-8")


def _side(name: str) -> "Side":
    """The downloaded report in the folder of that name, or the report of that run in the store."""
    from tasks.report.between.contrast import in_folder, in_store
    from tasks.report.bundle import folder_named, run_named

    if not name:
        expected = "a run or a folder with a downloaded report"
        raise RequestError(f"expected {expected}, received nothing; for example: make compare A=reports/RUN")
    if folder := folder_named(name):
        return in_folder(folder)
    store = named_store()
    return in_store(store, run_named(store, name))
