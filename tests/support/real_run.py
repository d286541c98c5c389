"""A real run of every stage, by their commands, on tiny data: as small as a whole run can be."""

import json
from pathlib import Path
from typing import Any

from tests.support.stage_commands import in_this_process
from tests.support.tiny_data import make_configuration, make_mirror

PARAMETERS = {
    "profile": "smoke", "datasets": ["cifar10"], "families": ["ann"], "trials": 1, "replicates": 1, "epochs": 1,
}  # fmt: skip
STAGES = ("fetch", "normalize", "search", "choose", "train", "evaluate")
BELOW = {"search": ("--shard", "0"), "train": ("--seed", "0")}
OF_DATA = ("fetch", "normalize")


def make_environment(folder: Path) -> dict[str, str]:
    """The variables of a store, a configuration and a mirror in `folder`; they are there, and the store is empty."""
    return {
        "STORE": (folder / "store").as_uri(),
        "DATASET_MIRROR": str(make_mirror(folder / "mirror")),
        "WORKFLOW_CONFIG": str(make_configuration(folder / "config")),
    }


def make_run(environment: dict[str, str], run: str, **changes: Any) -> None:
    """Do every stage of a run of one dataset, one family and one seed; `changes` are of PARAMETERS."""
    asked = PARAMETERS | changes
    told = environment | {"RUN_PARAMETERS": json.dumps(asked)}
    for line in lines(run, asked):
        assert in_this_process(told, *line) == 0, line


def lines(run: str, asked: dict[str, Any]) -> list[list[str]]:
    """The commands of such a run, in their order."""
    (dataset,), (family,) = asked["datasets"], asked["families"]
    data, branch = ("--dataset", dataset), ("--dataset", dataset, "--family", family)
    stages = [(stage, *(data if stage in OF_DATA else branch), *BELOW.get(stage, ())) for stage in STAGES]
    return [[stage, "--run", run, *place] for stage, *place in [("plan",), *stages, ("report",)]]
