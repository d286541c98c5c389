"""A head and two Celery workers on hosts of their own, to look at: `make demo-workers`, as root on Debian.

The workers join as docker/workers/README.md says, and share one run of the smoke profile on tiny data.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tasks.local.airflow import USER
from tasks.local.airflow_api import ACTIVE
from tests.engine.workers import runs, servers
from tests.engine.workers.head import Head, running
from tests.engine.workers.hosts import Host, hosts, lacking
from tests.engine.workers.worker import Worker
from tests.support.airflow_rest import COMPARISON

WORKERS, RUN = ("worker-1", "worker-2"), "demo"


def main() -> None:
    """Show it until somebody ends it."""
    if reason := lacking() or servers.lacking():
        sys.exit(reason)
    with (
        tempfile.TemporaryDirectory(prefix="like-for-like-") as folder,
        hosts(Path(folder), ["head", *WORKERS]) as made,
        suppress(KeyboardInterrupt),
        running(made["head"], Path(folder), "celery") as head,
    ):
        try:
            _show(made, head)
        finally:
            print("Ending all of it. The workers' folders are large, so this may take two minutes.", flush=True)


def _show(made: Mapping[str, Host], head: Head) -> None:
    """Let the workers join, and share a run; then wait for Ctrl-C."""
    for name in WORKERS:
        Worker(made[name], head).join()
    runs.start(head, RUN)
    _watch(head)
    print(f"Airflow's UI: {head.url}, which the browser does not trust yet. Its authority: {head.authority}")
    print(f"User {USER}, password {head.team.secrets['person']}. Ctrl-C ends all of it.", flush=True)
    time.sleep(86_400)


def _watch(head: Head) -> None:
    """Say which task ended how and where, as it happens, until the run is over."""
    told: set[tuple[str, ...]] = set()
    over = False
    while not over:
        over = all(run["state"] not in ACTIVE for run in head.api.runs(COMPARISON) if run["dag_run_id"] == RUN)
        for row in runs.rows(head, RUN):
            line = (f"{row['task_id']}[{row['map_index']}]", row["state"], row["hostname"])
            if line not in told:
                told.add(line)
                print(time.strftime("%H:%M:%S"), *line, flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main()
