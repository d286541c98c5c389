"""What a pass over the folder of DAGs costs: Airflow reads it every half a minute, with all datasets there are.

Each size is read in a process of its own, in which Airflow is already imported. A task's process reads them, too, with
the tasks of its own dataset alone. The text is what Airflow's database keeps.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasks.project import CONFIG, PROJECT
from tests.bench.section import Row, Section, spread
from tests.support.living import add_living

SIZES = (2, 50, 200)
READING = """
import json, time
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
wall, cpu = time.perf_counter(), time.process_time()
from dags import compare_image_models, promote_champion, watch_data
cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
dag = compare_image_models.dag
print(json.dumps(cost | {"tasks": len(dag.tasks), "bytes": len(json.dumps(DagSerialization.to_dict(dag)))}))
"""


def parsing(rounds: int) -> Iterator[Section]:
    """A row for each number of living datasets; medians of so many `rounds`."""
    yield Section("Reading the DAGs", [_row(datasets, rounds) for datasets in SIZES])


def _row(datasets: int, rounds: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = Path(folder, "config")
        shutil.copytree(CONFIG, config, ignore=shutil.ignore_patterns("datasets", "site"))
        (config / "datasets").mkdir()
        for number in range(datasets):
            add_living(config, f"set{number:03d}", f"/photographs/{number}")
        environment = os.environ | {"AIRFLOW_HOME": folder, "PYTHONPATH": str(PROJECT), "WORKFLOW_CONFIG": str(config)}
        command = [sys.executable, "-c", READING]
        runs = [_read(command, environment) for _ in range(rounds)]
        of_task = environment | {"_AIRFLOW_PARSING_CONTEXT_TASK_ID": "set001.train_cnn"}
        own = [_read(command, of_task) for _ in range(rounds)]
    return {
        "datasets": datasets,
        "tasks": runs[0]["tasks"],
        **spread("seconds", (run["wall"] for run in runs)),
        **spread("CPU seconds", (run["cpu"] for run in runs)),
        **spread("by a task's process, seconds", (run["wall"] for run in own)),
        "text of the comparison, MB": runs[0]["bytes"] / 1e6,
    }


def _read(command: Sequence[str], environment: Mapping[str, str]) -> Row:
    """What one reading says of itself, below the lines of Airflow's log."""
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])
