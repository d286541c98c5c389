"""The store that a command works with, and `sweep`, which looks after it."""

import argparse
import os
from datetime import timedelta
from typing import Any

from tasks.errors import RequestError
from tasks.storage.contract import Refused, Store, StoreError
from tasks.storage.location import open_store

SWEEP = "remove what no run can use any more: files without a manifest or snapshot, old checkpoints, unfinished writes"


def named_store() -> Store:
    """The store that STORE in the environment names.

    Raises:
        RequestError: it names none, or one that cannot be.
    """
    uri = os.environ.get("STORE")
    if not uri:
        raise RequestError(
            "STORE: expected s3://bucket/prefix or file:///folder, found none; "
            "`python -m tasks.local tasks COMMAND` uses the store of this machine"
        )
    return open_store(uri)


def add(commands: Any) -> None:
    """Add `sweep` to the commands of a parser."""
    sweep = commands.add_parser("sweep", help=SWEEP, description=SWEEP)
    sweep.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    sweep.add_argument(
        "--age", type=_days, default=7.0, metavar="DAYS", help="only what is at least this old (default: 7)"
    )
    sweep.add_argument(
        "--unused",
        action="store_true",
        help="also artifacts that no run and no champion names; use it while no run is at work",
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


def _sweep(options: argparse.Namespace) -> None:
    from tasks.runs.garbage import find_garbage

    count = size = kept = 0
    store = named_store()
    for garbage in find_garbage(store, timedelta(days=options.age), unused=options.unused):
        try:
            if not options.dry_run:
                garbage.discard()
        except Refused as error:
            kept += 1
            print(f"{garbage.size:>13,} B  kept: {error}")
            continue
        count, size = count + 1, size + garbage.size
        print(f"{garbage.size:>13,} B  {garbage.reason}: {garbage.name}")
    print(f"{'would remove' if options.dry_run else 'removed'} {count} objects, {size:,} B")
    if kept:
        raise StoreError(f"{store.uri}: expected to remove {count + kept} objects, {kept} were refused; see above why")
