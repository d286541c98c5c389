"""The operators of the stages: the configured runner's class, and what every task of a stage shares.

A runner (`dags/runners/`) takes `stage`, `dataset`, `family`, `budget`, `seed` and `shard`, and whatever every operator
takes.
"""

import importlib
from collections.abc import Mapping
from datetime import timedelta
from types import ModuleType
from typing import Any

from tasks.settings.orchestration import Orchestration
from tasks.settings.workflow import COMMANDS, POOL, Task

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# How a task is tried again, unless its DAG says otherwise.
RETRIED: Mapping[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=10),
}


def runner(orchestration: Orchestration) -> ModuleType:
    """The module of the configured runner; the others, and what they import, are left alone."""
    return importlib.import_module(f"dags.runners.{orchestration.runner}")


def defaults(orchestration: Orchestration, tried: Mapping[str, Any] = RETRIED) -> dict[str, Any]:
    """What every task of a DAG has: whose it is, which workers take it, and how it is tried again."""
    return {"owner": "like-for-like", **workers(orchestration), **tried}


def workers(orchestration: Orchestration, *, training: bool = False) -> dict[str, str]:
    """Queue and executor of a task that trains, or of another; what nobody configured is Airflow's to say."""
    kind = "training" if training else "other"
    asked = {"queue": getattr(orchestration.queues, kind), "executor": getattr(orchestration.executors, kind)}
    return {name: value for name, value in asked.items() if value}


def settings(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What every task of `stage` shares."""
    shared: dict[str, Any] = {
        "stage": stage,
        "execution_timeout": COMMANDS[stage].limit,
        # Results travel through the store; the last line of a log is none.
        "do_xcom_push": False,
        "env": dict.fromkeys(THREADS, str(orchestration.threads)),
    }
    training = {"pool": POOL, **workers(orchestration, training=True)} if COMMANDS[stage].trains else {}
    return shared | runner(orchestration).options(stage, orchestration) | training


def command(
    task: Task,
    orchestration: Orchestration,
    *,
    env: Mapping[str, str] | None = None,
    operator: Any = None,
    **options: Any,
) -> Any:
    """The task of Airflow for a row of the table: it runs `python -m tasks NAME`; `env` adds to its environment."""
    shared = settings(task.name, orchestration)
    shared["env"] |= env or {}
    kind = operator or runner(orchestration).OPERATOR
    return kind(task_id=task.name, doc_md=task.summary, **shared | options)
