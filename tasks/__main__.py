"""The command line of the stages: `python -m tasks STAGE --run RUN [--dataset NAME] [--family NAME] [--budget N] ...`.

Two commands look after a store: `python -m tasks sweep` and `python -m tasks verify RUN`. Two hand a report on:
`python -m tasks download RUN` and `python -m tasks presign RUN`. One looks after the data:
`python -m tasks watch --dataset NAME`. One reads two reports: `python -m tasks compare RUN_A RUN_B`.

This is the only module of the stages that reads the environment. Exit codes: 0 done, 99 skipped (not asked for in this
run, or an earlier stage has not done its work), 64 bad request or configuration, 65 bad data. A retry never helps
against 64 and 65. Any other code may be retried.
"""

import argparse
import importlib
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.environment import speak_any_text
from tasks.errors import (
    DataError,
    DiscreetError,
    DiscreetFormatter,
    RequestError,
    UnchangedError,
    UncheckedError,
    shown,
)
from tasks.runs.noise import without_noise
from tasks.runs.numerics import make_known
from tasks.runs.scratch import scratch
from tasks.settings.loading import config_folder
from tasks.settings.place import Place
from tasks.settings.request import slug
from tasks.settings.workflow import STAGES, WATCH
from tasks.storage.contract import Store
from tasks.storage.location import open_store

if TYPE_CHECKING:
    from tasks.report.between.contrast import Side

SWEEP = "remove what no run can use any more: files without a manifest or snapshot, old checkpoints, unfinished writes"
VERIFY = "make a report's numbers and documents again, and check every file and digest within reach"
DOWNLOAD = "bring a published report into a folder, and check every file"
PRESIGN = "print links to a report's documents that work without a login until they expire"
MAX_LINK_HOURS = 168
RUN = "the name of a run in the store, or `latest`"
TOLD = "a folder with a downloaded report, the name of a run in the store, or `latest`"
COMPARE = "name what differs between two runs, and which differences in their results exceed the noise"
ENVIRONMENT = """environment:
  STORE             s3://bucket/prefix or file:///folder
  AWS_*             the standard variables of the S3 clients, AWS_ENDPOINT_URL_S3 among them
  RUN_PARAMETERS    plan: the parameters as JSON, as the trigger form sends them
  RUN_TRIGGER       plan: what started the run, as Airflow names it: manual (default), scheduled or asset_triggered
  DATASET_MIRROR    plan: a folder, http(s):// or s3:// address used in place of the official ones
  WORKFLOW_CONFIG   plan and watch: a folder used in place of config/
  KERAS_BACKEND     plan: tensorflow (default), jax or torch

exit codes: 0 done, 99 skipped, 64 bad request or configuration, 65 bad data, others may be retried
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage or command, and return the exit code."""
    options = _parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(DiscreetFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("boto3", "botocore", "matplotlib", "s3transfer", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        options.run_command(options)
    except (DiscreetError, OSError) as error:  # OSError: this machine's own disk is full, or read-only
        logging.error("%s: %s", options.command, error)
        return getattr(error, "exit_code", 1)
    except Exception:  # with its traceback, which passes the formatter: a library's message may hold a secret
        logging.exception("%s: failed", options.command)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks",
        description="Run one stage of a run against the store, or look after the store.",
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, row in STAGES.items():
        stage = commands.add_parser(name, help=row.summary.replace("%", "%%"), description=row.summary)
        stage.add_argument("--run", required=True, help="the run's id, as Airflow names it")
        stage.add_argument("--dataset", help="a dataset of the run")
        stage.add_argument("--family", help="a family of the run")
        stage.add_argument("--budget", type=int, help="a budget of the run, where it has several")
        stage.add_argument("--seed", type=int, help="the seed of one replicate")
        stage.add_argument("--shard", type=int, help="the shard of one search, from 0")
        stage.set_defaults(run_command=_stage)
    _add_sweep(commands.add_parser("sweep", help=SWEEP, description=SWEEP))
    verify = commands.add_parser("verify", help=VERIFY, description=VERIFY)
    verify.add_argument("report", help="a folder with a downloaded report, or the name of a run in the store")
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
    watch = commands.add_parser(WATCH.name, help=WATCH.summary, description=WATCH.summary)
    watch.add_argument("--dataset", required=True, help="a dataset of the configuration")
    watch.set_defaults(run_command=_watch)
    return parser


def _add_sweep(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    sweep.add_argument(
        "--age", type=_days, default=7.0, metavar="DAYS", help="only what is at least this old (default: 7)"
    )
    sweep.add_argument(
        "--unused",
        action="store_true",
        help="also artifacts that no run's records name; use it while no run is at work",
    )
    sweep.set_defaults(run_command=_sweep)


def _days(text: str) -> float:
    """A number of days.

    Raises:
        ValueError: it is not a number from 0 to 36,500; argparse reports that.
    """
    if not 0 <= (days := float(text)) <= 36_500:
        raise ValueError
    return days


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


def _sweep(options: argparse.Namespace) -> None:
    from tasks.runs.garbage import find_garbage

    count = size = 0
    for garbage in find_garbage(_store(), timedelta(days=options.age), unused=options.unused):
        if not options.dry_run:
            garbage.discard()
        count, size = count + 1, size + garbage.size
        print(f"{garbage.size:>13,} B  {garbage.reason}: {garbage.name}")
    print(f"{'would remove' if options.dry_run else 'removed'} {count} objects, {size:,} B")


def _verify(options: argparse.Namespace) -> None:
    from tasks.report.bundle import run_named
    from tasks.report.verification import verify_folder, verify_run

    folder = Path(options.report)
    if folder.is_dir():
        audit = verify_folder(folder)
    else:
        store = _store()
        audit = verify_run(store, run_named(store, options.report))
    for line in audit.findings:
        print(line)
    for line in audit.unchecked:
        print(f"not checked: {line}")
    if audit.findings:
        raise DataError(f"{options.report}: {len(audit.findings)} things do not agree; looked at {audit}")
    if audit.unchecked:
        raise UncheckedError(f"{options.report}: {len(audit.unchecked)} files were not checked; looked at {audit}")
    print(f"{options.report}: all agrees; looked at {audit}")


def _download(options: argparse.Namespace) -> None:
    from tasks.report import bundle
    from tasks.report.progress_bar import ProgressBar

    with ProgressBar(sys.stderr, "looking for the report") as bar:
        store = _store()
        report = bundle.published(store, bundle.run_named(store, options.report))
        folder = options.to or Path(report.run)
        brought = bundle.download(store, report, folder, bar.follow)
    print(f"{folder}: the report of {report.run}, {len(report.digests) + 1} files, all verified; {brought} were new")


def _presign(options: argparse.Namespace) -> None:
    from tasks.report import bundle

    store, expiry = _store(), datetime.now(UTC) + timedelta(hours=options.hours)
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
    from tasks.report.bundle import run_named

    if not name:
        expected = "a run or a folder with a downloaded report"
        raise RequestError(f"expected {expected}, received nothing; for example: make compare A=reports/RUN")
    if Path(name).is_dir():
        return in_folder(Path(name))
    store = _store()
    return in_store(store, run_named(store, name))


def _watch(options: argparse.Namespace) -> None:
    from tasks.data.sources.locations import location_at
    from tasks.data.sources.looks import is_changed
    from tasks.settings.loading import load_configuration
    from tasks.storage.snapshots import Shelf

    name, configuration = options.dataset, load_configuration(config_folder(os.environ))
    configuration.chosen("datasets", [name])
    if (address := configuration.datasets[name].location) is None:
        raise UnchangedError(f"{name}: its files are pinned by their digests, so they cannot change")
    location = location_at(address, configuration.downloads.allowed_addresses, logging.info)
    if not is_changed(location, address, Shelf(_store(), name)):
        raise UnchangedError(f"{name}: {location.where} is as the last run found it")
    print(f"{name}: {location.where} has changed since the last run")


def _stage(options: argparse.Namespace) -> None:
    from tasks.runs import execution, requests

    run, store = slug(options.run), _store()
    with scratch() as folder:
        known = make_known(os.environ, folder)
        if known.removed:
            logging.info("not used, as they could change results: %s", ", ".join(known.removed))
        if options.command == "plan":
            _plan(run, store)
            return
        request = requests.read_request(store, run)
        os.environ["KERAS_BACKEND"] = request.backend
        module = importlib.import_module(f"tasks.stages.{options.command}")
        if options.command == "report":
            module.report(request, store)
            return
        place = Place(options.dataset, options.family, options.seed, options.shard, budget=options.budget)
        execution.execute(module.STAGE, request, place, store, known)


def _plan(run: str, store: Store) -> None:
    from tasks.stages.plan import Machine, plan

    backend = os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"
    is_local = os.environ.get("RUNNER", "local") == "local"
    plan(
        store,
        run,
        parameters=os.environ.get("RUN_PARAMETERS") or "{}",
        config=config_folder(os.environ),
        machine=Machine(
            mirror=os.environ.get("DATASET_MIRROR") or None,
            backend=backend,
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if is_local else None,
        ),
        trigger=os.environ.get("RUN_TRIGGER") or "manual",
    )


def _store() -> Store:
    uri = os.environ.get("STORE")
    if not uri:
        raise RequestError("STORE: expected s3://bucket/prefix or file:///folder, found nothing in the environment")
    return open_store(uri)


if __name__ == "__main__":
    speak_any_text()  # first: a stream that was a file takes no other errors once it is a pipe
    without_noise()
    sys.exit(main())
