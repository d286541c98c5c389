"""What a run left, as tests compare it: the numbers of its report, the keys and the manifests of its artifacts."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from tasks.report.audit import leaves
from tasks.settings.place import Place
from tasks.storage.artifacts import Manifest
from tasks.storage.location import open_store

# What a clock, a size, a name of the run or the way to a result says; the last two of a choice's artifact go into keys.
# And what compares with the run before.
PASSING = re.compile(
    r"environment\..*|forecast\..*|since(\..*)?|run|request\.run|.*\bverdict|.*\.cost\.\w+(\.\w+)?|.*seconds(_per_image)?(\.\w+)?|.*_bytes(\.\w+)?|.*_(joules|money)(\.\w+)?"
    r"|.*\.(predictions|trained_in)|.*\.digests\.\w+|stages\[.*\]\.(key|cached|started|ended)"
)


def numbers(report: Mapping[str, Any]) -> dict[str, Any]:
    """All that a report says of its models, by place: the same for two runs of one request, but for PASSING."""
    return {place: value for place, value in leaves(report) if not PASSING.fullmatch(place)}


def reached(trials: Iterable[Any]) -> list[Any]:
    """All that trials of a search say, but how long they took."""
    return [trial.model_copy(update={"seconds": 0.0, "cpu_seconds": None}) for trial in trials]


def keys(report: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The artifact's key of every stage at every place of a run."""
    names = [field.name for field in fields(Place)]
    return {
        (stage["stage"], str(Place(**{name: stage.get(name) for name in names}))): stage["key"]
        for stage in report["stages"]
        if stage["key"]
    }


def manifests(variables: Mapping[str, str]) -> list[Manifest]:
    """Every manifest in the store that these environment variables lead to."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        store = open_store(variables["STORE"])
        names = [key for key in store.list("artifacts/") if key.endswith("/manifest.json")]
        return [Manifest.model_validate_json(store.read(key)) for key in names]
    finally:
        os.environ.clear()
        os.environ.update(before)
