"""The latest run of this machine's own store, or of the one that STORE names: for parts that need a run's data."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from unittest.mock import patch

from tasks.environment import lead_to
from tasks.local.store_command import connected
from tasks.runs.order import latest
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.section import Section


def of_own_run(measure: Callable[[Store, str], Iterable[Section]], run: str) -> Iterator[Section]:
    """What `measure` finds of `run`, a name or "latest"; the environment leads to the store meanwhile."""
    with patch.dict(os.environ), connected(os.environ) as connection:
        if connection:
            lead_to(os.environ, connection)
        store = open_store(os.environ["STORE"])
        name = latest(store) if run == "latest" else run
        if name is None:
            sys.exit(f"{os.environ['STORE']}: expected a run with a report, found none; `make run` first")
        yield from measure(store, name)
