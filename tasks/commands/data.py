"""`watch`: has a dataset's location changed?"""

import argparse
import logging
import os
from typing import Any

from tasks.commands.store import named_store
from tasks.errors import UnchangedError
from tasks.settings.loading import config_folder
from tasks.settings.workflow import WATCH


def add(commands: Any) -> None:
    """Add it to the commands of a parser."""
    watch = commands.add_parser(WATCH.name, help=WATCH.summary, description=WATCH.summary)
    watch.add_argument("--dataset", required=True, help="a dataset of the configuration")
    watch.set_defaults(run_command=_watch)


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
    if not is_changed(location, address, Shelf(named_store(), name)):
        raise UnchangedError(f"{name}: {location.where} is as the last run found it")
    print(f"{name}: {location.where} has changed since the last run")
