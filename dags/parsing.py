"""Of which datasets a process that reads a DAG needs the tasks."""

from collections.abc import Collection

from airflow.sdk import get_parsing_context


def needed(datasets: Collection[str]) -> Collection[str]:
    """All of `datasets`, or only the one to which the task belongs that this process executes.

    A task's process reads the DAG file again to find its task, so that with each dataset every task of every dataset
    would start later: "Optimizing DAG parsing delays during execution" in Airflow's documentation of dynamic DAGs.
    """
    group = (get_parsing_context().task_id or "").partition(".")[0]
    return [group] if group in datasets else datasets
