"""Which datasets have changed? A look at every location that may change, at the cron line `watch`.

A look lists the location. Where it lists other files than the last run saw, it creates an asset event. Then
`compare_image_models` starts by itself, for the datasets that have changed. A look that finds nothing new is skipped.

While a run of `compare_image_models` waits or works, nobody looks: that run looks again when it ends.
"""

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, TaskGroup, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.assets import watch, watched
from dags.parsing import needed
from dags.site import surroundings
from dags.stage_operators import defaults
from tasks.settings.loading import Configuration, configured
from tasks.settings.workflow import DAG_ID, WATCH_DAG_ID


@task(doc_md="Skip the looks while a run waits or works, which looks again when it ends.")
def no_run_is_active(ti: Any = None) -> None:
    """Let the looks begin.

    Raises:
        AirflowSkipException: a run of the comparison is queued or running.
    """
    if active := ti.get_dr_count(DAG_ID, states=["queued", "running"]):
        raise AirflowSkipException(f"{active} run of {DAG_ID} is active, and looks again when it ends")


def watch_data(config: Configuration) -> DAG | None:
    """The DAG; None where no dataset can change, or nobody is to look."""
    if not (datasets := watched(config)):
        return None
    with DAG(
        WATCH_DAG_ID,
        description="Which datasets have changed?",
        doc_md=__doc__,
        schedule=CronTriggerTimetable(config.orchestration.retraining.watch, timezone="UTC"),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=["image models", "data"],
        default_args=defaults(config.orchestration, {"retries": 0}),  # the next tick looks again
    ) as dag:
        gate = no_run_is_active()
        for dataset in needed(datasets):
            with TaskGroup(dataset, tooltip=config.datasets[dataset].title):
                gate >> watch(dataset, config)
    return dag


dag = watch_data(configured(surroundings()))
