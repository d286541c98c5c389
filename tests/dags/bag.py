"""The DAG as Airflow's own loader sees it, in an Airflow home that vanishes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tasks.request import PROJECT

# In a process of its own: Airflow reads its configuration once, at import, and stays configured.
LOADER = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
from airflow.serialization.serialized_objects import DagSerialization
heavy = {"tensorflow", "keras", "keras_tuner", "numpy", "pandas", "boto3", "sklearn", "scipy", "matplotlib"}
found = {
    "errors": bag.import_errors,
    "dags": {name: DagSerialization.to_dict(dag)["dag"] for name, dag in bag.dags.items()},
    "edges": sorted(f"{t.task_id} -> {d}" for dag in bag.dags.values() for t in dag.tasks for d in t.downstream_task_ids),
    "heavy": sorted(heavy & set(sys.modules)),
    "modules": sorted(name for name in sys.modules if name.startswith("tasks.")),
}
print("\\n" + json.dumps(found, default=str))
"""


def load(home: Path, **environment: str) -> dict:
    """Errors, serialized DAGs, edges and imported modules of a parse of `dags/`."""
    variables = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(PROJECT),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", LOADER, str(PROJECT / "dags")]
    done = subprocess.run(command, env=variables | environment, capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
