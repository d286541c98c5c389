"""Does a run of `compare_image_models` take longer than expected?

Each run queues one here, under its own id, for the moment at which it should have ended. If it is still at work then,
people are told, once. If not, everything here is skipped.
"""

from airflow.sdk import DAG

from dags.notifications.comparison import LATE, late
from dags.notifications.operators import notify
from dags.site import surroundings
from dags.stage_operators import defaults
from tasks.settings.loading import Configuration, configured
from tasks.settings.workflow import LATE_DAG_ID


def late_runs(config: Configuration) -> DAG | None:
    """The DAG; None where a run may take any time."""
    if config.notifications.expected is None:
        return None
    with DAG(
        LATE_DAG_ID,
        description="Does a run take longer than expected?",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        tags=["image models", "notifications"],
        default_args=defaults(config.orchestration, {"retries": 0}),
    ) as dag:
        notify(config.notifications, late, LATE)
    return dag


dag = late_runs(configured(surroundings()))
