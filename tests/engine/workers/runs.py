"""Runs of the smoke profile on a head and its workers: started by the API, watched there, and read in the bucket."""

import json
from typing import Any

from tasks.settings.workflow import REUSED_STAGES
from tests.engine.workers.head import Head
from tests.engine.workers.hosts import Host
from tests.engine.workers.team import DATASET, PREFIX
from tests.support import leaks
from tests.support.airflow_rest import COMPARISON, awaited

EPOCHS = 40  # a training lasts long enough to be disturbed in its middle


def start(head: Head, run: str, **changes: Any) -> None:
    """Start a run that makes everything anew."""
    form = {
        "profile": "smoke",
        "datasets": [DATASET],
        "epochs": EPOCHS,
        "force": list(REUSED_STAGES),
        "mirror": head.mirror,
    }
    head.api.trigger(run, form | changes)


def ended(head: Head, run: str) -> dict[str, Any]:
    """The report of a run, once that is over; it succeeded."""
    over = head.api.ended(COMPARISON, run)
    states = {(row["task_id"], row["state"]) for row in rows(head, run) if row["state"] not in ("success", "skipped")}
    assert over["state"] == "success", states
    body = head.bucket.get_object(Bucket=head.bucket_name, Key=f"{PREFIX}/reports/{run}/report.json")["Body"]
    return json.loads(body.read())


def finished(head: Head, run: str) -> dict[str, Any]:
    """The report of a run that nothing disturbs."""
    start(head, run)
    return ended(head, run)


def rows(head: Head, run: str, kind: str = "") -> list[dict[str, Any]]:
    """The task instances of a run whose names hold `kind`, those that a process executed or executes."""
    return [row for row in head.api.tasks(run) if kind in row["task_id"] and row["hostname"]]


def places(head: Head, run: str, kind: str = "") -> set[str]:
    """The hosts on which tasks of a run were executed."""
    return {row["hostname"] for row in rows(head, run, kind)}


def in_training(head: Head, run: str) -> dict[str, Any]:
    """A training of a run that is at work and has kept a checkpoint, waited for."""

    def look() -> dict[str, Any] | None:
        working = [row for row in rows(head, run, ".train_") if row["state"] == "running"]
        return next((row for row in working if "epoch 3/" in head.log(row)), None)

    return awaited(look)


def again(head: Head, run: str, row: dict[str, Any]) -> dict[str, Any]:
    """The same task instance, as it is now."""
    return next(each for each in rows(head, run) if all(each[name] == row[name] for name in ("task_id", "map_index")))


def leaked(host: Host, head: Head) -> set[str]:
    """Which secrets of the head and of the store stand in files of a host."""
    secrets = {
        "store": head.store["AWS_SECRET_ACCESS_KEY"],
        "person": head.team.secrets["person"],
        "fernet": head.team.secrets["fernet_key"],
    }
    found = leaks.in_files([host.home / "airflow", host.home], secrets)
    return {name for names in found.values() for name in names}
