"""What a container adds to a stage: `python -m tests.engine.bench [ROUNDS]`, on a real engine and the embedded store.

The same stage, finished before and so reused, is executed by the local and by the docker operator in turn: what differs
is how it was started. Prints the median and the quartiles of each, and of the pairs' difference.
"""

import contextlib
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

import pandas

from dags.runners.docker import DockerStage
from dags.runners.local import LocalStage
from tasks.local.swift.object_store import ObjectStore
from tests.engine.conftest import IMAGE
from tests.support.tiny_data import make_configuration, make_mirror

RUN = "bench-1"


def operator(kind: type, stage: str, **names: str):
    """The stage as the DAG makes it, rendered."""
    if kind is LocalStage:
        made = LocalStage(task_id="stage", stage=stage, do_xcom_push=False, **names)
        made.env = made.env | {"RUN_ID": RUN}
        return made
    made = DockerStage(task_id="stage", stage=stage, image=IMAGE, network_mode="host", cpus=0, shm_size="1g", **names)
    made.command = [part.replace("{{ run_id }}", RUN) for part in made.command]
    return made


def seconds(kind: type, stage: str, **names: str) -> float:
    """Wall time of one execution."""
    start = time.perf_counter()
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        operator(kind, stage, **names).execute({"run_id": RUN})
    return time.perf_counter() - start


def main(rounds: str = "15") -> None:
    """Measure, and print a Markdown table."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ObjectStore.start(Path(folder, "store")) as server:
        config, mirror = make_configuration(Path(folder, "config")), make_mirror(Path(folder, "mirror"))
        given = {"STORE": server.uri, "WORKFLOW_CONFIG": str(config), "DATASET_MIRROR": str(mirror)}
        os.environ.update(server.environment | given)
        for warm_up in ("plan", "fetch"):
            seconds(LocalStage, warm_up, **({"dataset": "cifar10"} if warm_up == "fetch" else {}))
        kinds = {"local": LocalStage, "docker": DockerStage}
        pairs = [
            {name: seconds(kind, "fetch", dataset="cifar10") for name, kind in kinds.items()}
            for _ in range(int(rounds))
        ]
    times = pandas.DataFrame(pairs)
    times["difference"] = times["docker"] - times["local"]
    print("| a finished stage, reused | median | quartiles |\n|---|---|---|")
    for name in times:
        low, middle, high = times[name].quantile([0.25, 0.5, 0.75])
        print(f"| {name} | {middle:.2f} s | {low:.2f} to {high:.2f} s |")
    ratio = times["docker"].median() / times["local"].median()
    print(f"\n{rounds} pairs, one after the other; ratio of the medians {ratio:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
