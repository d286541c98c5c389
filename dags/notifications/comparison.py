"""The message at the end of a run of the comparison, and the one about a run that takes too long."""

from typing import Any

from dags.notifications.documents import Report, UnreadableError, read_report, reason_of
from dags.notifications.message import Message, report_page, run_page
from dags.task_states import ended
from tasks.settings.notifications import Notifications, Occasion
from tasks.settings.request import slug
from tasks.settings.workflow import DAG_ID

OCCASIONS: tuple[Occasion, ...] = ("failed", "partial", "verdict_changed")  # of a run's end
LATE: tuple[Occasion, ...] = ("late",)
WHOLE_RUN = ("plan", "report")  # stages whose records say why there is no report


def at_end(context: Any, told: Notifications) -> Message:
    """The message at a run's end. The store may be what failed: then it says what Airflow knows.

    Raises:
        UnreadableError: the store cannot be read, and nothing has failed: it is too early to tell anything.
    """
    run_id = context["run_id"]
    failed = _failed(context["ti"], run_id)
    try:
        report = read_report(slug(run_id))
        if report:
            return _of_report(report, run_id, failed, told.page)
        reason = _reason(run_id, failed)
    except UnreadableError as error:
        if not failed:
            raise
        reason = str(error)
    return _without_report(run_id, failed, reason, told.page)


def late(context: Any, told: Notifications) -> Message | None:
    """The message about the run that `conf` of this one names; None when it is over, or gone."""
    run_id = str((context["dag_run"].conf or {}).get("run", ""))
    if not context["ti"].get_dr_count(DAG_ID, run_ids=[run_id], states=["queued", "running"]):
        return None
    failed = _failed(context["ti"], run_id)
    line = f"Run {run_id} has run for more than {told.expected_hours:g} hours and has not ended."
    return Message(
        occasions=LATE,
        dag=DAG_ID,
        run=run_id,
        subject=f"run {run_id} takes longer than expected",
        lines=(line, *_named(failed)),
        failed=failed,
        links={"Run in Airflow": run_page(told.page, DAG_ID, run_id)} if told.page else {},
    )


def _of_report(report: Report, run_id: str, failed: tuple[str, ...], page: str) -> Message:
    """The message about a report: its verdicts come first."""
    changed = _changed(report)
    is_partial = report.status == "partial"
    facts: dict[Occasion, bool] = {"failed": bool(failed), "partial": is_partial, "verdict_changed": bool(changed)}
    if changed:
        subject = f"the verdict on {', '.join(changed)} changed"
    else:
        subject = f"run {run_id} {'has a partial report' if is_partial else 'has a report'}"
    return Message(
        occasions=tuple(occasion for occasion, applies in facts.items() if applies),
        dag=DAG_ID,
        run=run_id,
        subject=subject,
        lines=(*report.verdicts, *_named(failed)),
        verdicts=report.verdicts,
        failed=failed,
        changed=report.since.line if report.since else None,
        links=_links(page, run_id, is_reported=True),
    )


def _without_report(run_id: str, failed: tuple[str, ...], reason: str | None, page: str) -> Message:
    """The message about a run without a report: it failed, or had nothing to do."""
    if failed:
        lines = (f"Run {run_id} failed: {reason or 'the logs of its tasks say why'}", *_named(failed))
        subject = f"run {run_id} failed"
    else:
        lines = (f"Run {run_id} had nothing to do. The log of `plan` says why. The last report is still valid.",)
        subject = f"run {run_id} had nothing to do"
    return Message(
        occasions=("failed",) if failed else (),
        dag=DAG_ID,
        run=run_id,
        subject=subject,
        lines=lines,
        failed=failed,
        links=_links(page, run_id),
    )


def _failed(ti: Any, run_id: str) -> tuple[str, ...]:
    """The tasks that failed; `complete` does because of others."""
    found = ended(ti, run_id, "failed", "removed")
    return tuple(name for name in found if name != "complete" or len(found) == 1)


def _reason(run_id: str, failed: tuple[str, ...]) -> str | None:
    """What the first stage of the whole run that failed says of it."""
    for stage in WHOLE_RUN:
        if stage in failed and (reason := reason_of(slug(run_id), stage)):
            return f"{stage}: {reason}"
    return None


def _changed(report: Report) -> tuple[str, ...]:
    """The titles of the datasets whose verdict is another one than in the run before; none where nobody can tell."""
    try:
        before = read_report(report.since.run) if report.since else None
    except UnreadableError:
        return ()
    return report.changed_from(before) if before else ()


def _named(failed: tuple[str, ...]) -> tuple[str, ...]:
    return (f"Failed tasks: {', '.join(failed)}.",) if failed else ()


def _links(page: str, run_id: str, *, is_reported: bool = False) -> dict[str, str]:
    if not page:
        return {}
    report = {"Report": report_page(page, run_id)} if is_reported else {}
    return report | {"Run in Airflow": run_page(page, DAG_ID, run_id)}
