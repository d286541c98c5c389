"""The task that sets a run's deadline: a run of `late_runs` that waits in Airflow's queue until then.

Airflow's own deadlines (`DeadlineAlert`) do not fit: without a triggerer or an executor that knows callbacks they tell
nobody, they try once, and a run that failed in time is told of when its deadline passes.
"""

from typing import Any

from dags.notifications.operators import PATIENCE
from tasks.settings.notifications import Notifications
from tasks.settings.workflow import LATE_DAG_ID


def expect_in_time(told: Notifications) -> list[Any]:
    """The task, which depends on nothing, and which `complete` does not count; none where any time is right."""
    if told.expected is None:
        return []
    expected = told.expected
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    class Deadline(TriggerDagRunOperator):
        """Queues the look at this run for the moment at which it should have ended."""

        def execute(self, context: Any) -> None:
            """Queue it; a run that is started again keeps its first deadline."""
            self.run_after = context["dag_run"].start_date + expected
            super().execute(context)

    deadline = Deadline(
        task_id="deadline",
        trigger_dag_id=LATE_DAG_ID,
        trigger_run_id="{{ run_id }}",
        conf={"run": "{{ run_id }}"},
        skip_when_already_exists=True,
        doc_md=f"Queue a run of `{LATE_DAG_ID}`, which tells people when this run takes longer than expected.",
        **PATIENCE,
    )
    return [deadline]
