"""Tasks of stages as a worker of Airflow sees them: what it tells a task, and the task with its templates filled in."""

from types import SimpleNamespace
from typing import Any

from tests.support.lazy import Lazy

RUN = "scheduled__2026-11-23T03:00:00+00:00"


def context(task: Any, run_id: str = RUN, try_number: int = 1, params: dict | None = None) -> dict[str, Any]:
    """What Airflow tells a task about itself."""
    ti = SimpleNamespace(
        dag_id="compare_image_models",
        task_id=task.task_id,
        map_index=-1,
        try_number=try_number,
        xcom_push=lambda **_: None,
    )
    kinds = Lazy("airflow.sdk.execution_time.context")
    return {
        "ti": ti,
        "run_id": run_id,
        "params": params or {},
        "dag": None,
        "dag_run": SimpleNamespace(run_type=Lazy("airflow.sdk.api.datamodels._generated").DagRunType("manual")),
        "triggering_asset_events": kinds.TriggeringAssetEventsAccessor({}),
    }


def rendered(dag: Any, task_id: str, run_id: str = RUN, params: dict | None = None) -> Any:
    """The task as its worker sees it: unmapped for a budget and seed 0 where it is mapped, its templates filled in."""
    task = dag.get_task(task_id)
    task = task.unmap({"budget": 250_000, "seed": 0}) if task.is_mapped else task
    task.render_template_fields(context(task, run_id, params=params))
    return task
