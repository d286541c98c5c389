"""The operators of the stages: the configured runner's class, and what every task of a stage shares.

A runner (`dags/runners/`) takes `stage`, `dataset`, `family`, `budget`, `seed` and `shard`, and whatever every operator
takes.
"""

import importlib
from datetime import timedelta
from types import ModuleType
from typing import Any

from dags.runners.stage_command import TRAINING
from tasks.orchestration import Orchestration

POOL = "training"
# A stage beyond its time hangs; the longest honest one is a search of the full profile on one CPU core.
TIMEOUTS = {
    "plan": timedelta(minutes=5),
    "fetch": timedelta(hours=2),
    "normalize": timedelta(minutes=30),
    "search": timedelta(hours=24),
    "choose": timedelta(minutes=30),
    "train": timedelta(hours=24),
    "evaluate": timedelta(hours=1),
    "report": timedelta(minutes=30),
}
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def runner(orchestration: Orchestration) -> ModuleType:
    """The module of the configured runner; the others, and what they import, are left alone."""
    return importlib.import_module(f"dags.runners.{orchestration.runner}")


def settings(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What every task of `stage` shares."""
    shared: dict[str, Any] = {
        "stage": stage,
        "execution_timeout": TIMEOUTS[stage],
        # Results travel through the store; the last line of a log is none.
        "do_xcom_push": False,
        "env": dict.fromkeys(THREADS, str(orchestration.threads)),
    }
    pool = {"pool": POOL} if stage in TRAINING else {}
    return shared | runner(orchestration).options(stage, orchestration) | pool
