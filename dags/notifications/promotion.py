"""The messages about a candidate: that it waits for a person's approval, and what became of it."""

from typing import Any
from urllib.parse import quote

from dags.notifications.documents import Part, UnreadableError, read
from dags.notifications.message import Compose, Message, report_page, run_page
from dags.task_states import ended
from tasks.settings.notifications import Notifications, Occasion
from tasks.settings.request import slug
from tasks.settings.workflow import ANSWER, PROMOTE_DAG_ID, decision_key

WAITING: tuple[Occasion, ...] = ("waiting_for_approval",)
DECIDED: tuple[Occasion, ...] = ("failed", "promoted")
APPROVE = "approve"  # the task that waits, in the group of its dataset


class Candidate(Part):
    """The models of a run that may become the champion."""

    run: str
    family: str


class Judgement(Part):
    """What the gate found."""

    passed: bool
    sentence: str


class Decision(Part):
    """What the gate decided (tasks/registry/champions/documents.py)."""

    candidate: Candidate
    judgement: Judgement
    approval: str


class Answer(Part):
    """What became of a candidate that passed."""

    answer: str
    sentence: str


def waiting(dataset: str, title: str) -> Compose:
    """Compose the message that a candidate for `dataset` waits; there is none where nobody has to approve one."""

    def compose(context: Any, told: Notifications) -> Message | None:
        run_id = context["run_id"]
        decision = read(Decision, decision_key(dataset, slug(run_id)))
        if decision is None or not decision.judgement.passed or decision.approval != "human":
            return None
        task = quote(f"{dataset}.{APPROVE}")
        approve = f"{run_page(told.page, PROMOTE_DAG_ID, run_id)}/tasks/{task}/required_actions"
        return Message(
            occasions=WAITING,
            dag=PROMOTE_DAG_ID,
            run=run_id,
            dataset=dataset,
            subject=f"a candidate for {title} waits for approval",
            lines=(decision.judgement.sentence, "It waits for approval: in Airflow, open Browse, Required Actions."),
            links=({"Approve or reject": approve} if told.page else {}) | _links(told.page, run_id, decision),
        )

    return compose


def decided(dataset: str, title: str) -> Compose:
    """Compose the message what became of the candidate for `dataset`; there is none where the run had none.

    It raises UnreadableError where the store cannot be read and no task has failed.
    """

    def compose(context: Any, told: Notifications) -> Message | None:
        run_id = context["run_id"]
        failed = _failed(context["ti"], run_id, dataset)
        decision, answer, reason = _documents(dataset, run_id, is_needed=not failed)
        if not (decision or failed):
            return None
        is_promoted = answer is not None and answer.answer == "promoted"
        said = [each for each in (answer and answer.sentence, decision and decision.judgement.sentence) if each]
        if failed:
            line = f"The promotion for {title} failed: {reason or 'the logs of its tasks say why'}"
            said = [line, f"Failed tasks: {', '.join(failed)}.", *said]
        occasions: dict[Occasion, bool] = {"failed": bool(failed), "promoted": is_promoted}
        return Message(
            occasions=tuple(occasion for occasion, applies in occasions.items() if applies),
            dag=PROMOTE_DAG_ID,
            run=run_id,
            dataset=dataset,
            subject=_subject(title, bool(failed), is_promoted),
            lines=tuple(dict.fromkeys(said)),
            failed=failed,
            links=_links(told.page, run_id, decision),
        )

    return compose


def _documents(dataset: str, run_id: str, *, is_needed: bool) -> tuple[Decision | None, Answer | None, str | None]:
    """The decision, its answer, and why they cannot be read.

    Raises:
        UnreadableError: they cannot be read, and are needed.
    """
    asked = slug(run_id)
    try:
        return read(Decision, decision_key(dataset, asked)), read(Answer, decision_key(dataset, asked, ANSWER)), None
    except UnreadableError as error:
        if is_needed:
            raise
        return None, None, str(error)


def _failed(ti: Any, run_id: str, dataset: str) -> tuple[str, ...]:
    """The tasks of the dataset that failed."""
    names = ended(ti, run_id, "failed", "removed", dag_id=PROMOTE_DAG_ID)
    return tuple(name for name in names if name.startswith(f"{dataset}."))


def _subject(title: str, is_failed: bool, is_promoted: bool) -> str:
    if is_failed:
        return f"the promotion for {title} failed"
    return f"{title} has a new champion" if is_promoted else f"{title} has no new champion"


def _links(page: str, run_id: str, decision: Decision | None) -> dict[str, str]:
    if not page:
        return {}
    report = {"Report": report_page(page, decision.candidate.run)} if decision else {}
    return report | {"Run in Airflow": run_page(page, PROMOTE_DAG_ID, run_id)}
