"""How the tasks of a run ended, as Airflow tells a task that asks."""

from typing import Any

from tasks.settings.workflow import DAG_ID

TELLING = ("Notification", "Deadline")  # the operators of the tasks for telling people, which decide nothing


def ended(ti: Any, run_id: str | None, *states: str, dag_id: str = DAG_ID) -> list[str]:
    """The tasks of a run that ended so, but for those that are there to tell people.

    What waited in vain for a failed one is `upstream_failed`, and not `failed`. `removed` are those of a dataset or
    family whose file somebody took away during the run.
    """
    crumbs = ti.get_task_breadcrumbs(dag_id=dag_id, run_id=run_id)
    counted = (each for each in crumbs if each.get("operator") not in TELLING)
    return sorted({each["task_id"] for each in counted if each["state"] in states})
