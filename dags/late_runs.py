"""Does a run of `compare_image_models` take longer than expected?

Each run queues one here, under its own id, for the moment at which it should have ended. If it is still at work then,
people are told, once. If not, everything here is skipped.
"""

from airflow.sdk import DAG

from dags.notifications.comparison import LATE, late
from dags.notifications.operators import notify
from dags.site import surroundings
from tasks.settings.loading import configured
from tasks.settings.notifications import Notifications
from tasks.settings.workflow import LATE_DAG_ID


def late_runs(told: Notifications) -> DAG | None:
    """The DAG; None where a run may take any time."""
    if told.expected is None:
        return None
    with DAG(
        LATE_DAG_ID,
        description="Does a run take longer than expected?",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        tags=["image models", "notifications"],
        default_args={"owner": "like-for-like"},
    ) as dag:
        notify(told, late, LATE)
    return dag


dag = late_runs(configured(surroundings()).notifications)
