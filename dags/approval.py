"""A person's approval of a candidate: a task that waits in Airflow's state `awaiting_input` and needs no worker for it.

No other task can end the wait, so it looks itself now and then whether a newer candidate passed the gate. Facts read in
Airflow 3.3.2: where its time is over, `check_awaiting_input_timeouts` (airflow/jobs/scheduler_job_runner.py) resumes
the task, which may wait again; an answer that comes meanwhile is kept, and resumes it at once when it does.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, NoReturn
from urllib.parse import quote

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from dags.assets import passed
from dags.stage_command import RunnerError
from dags.store_access import stored
from tasks.errors import RequestError
from tasks.settings.promotion import Promotion
from tasks.settings.request import slug
from tasks.settings.values import parse
from tasks.settings.workflow import REPORT_PAGES, decision_key

# The UI draws an approval where a task has just these two.
APPROVE, REJECT = "Approve", "Reject"
AUTOMATIC = "automatic"  # who answered where nobody was asked
# What could make Markdown of a sentence: a class may be called anything.
MARKUP = re.compile(r"[!#$&*+./:<=>?@\[\]\\^_`{|}~-]")


@dataclass(frozen=True)
class Question:
    """What a decision of the gate asks a person, and until when."""

    run: str
    family: str
    sentence: str
    approval: str
    until: datetime


class Approval(HITLOperator):
    """Asks whether the candidate of a dataset may become its champion, where the decision of the gate says so.

    Its result is the answer, and who gave it. It neither skips nor fails what follows, which keeps a refusal, too.
    """

    def __init__(self, *, dataset: str, title: str, look: timedelta, **options: Any) -> None:
        self.dataset, self.title, self.look = dataset, title, look
        inlets = [passed(dataset)]
        super().__init__(subject=f"A champion of {title}", options=[APPROVE, REJECT], inlets=inlets, **options)

    def execute(self, context: Any) -> Any:
        """Ask, and wait for the answer; nobody is asked where the decision needs no one.

        Raises:
            TaskAwaitingInput: nobody has answered yet.
            AirflowFailException: there is no decision.
        """
        question = asked(self.dataset, context["run_id"])
        if question.approval == "automatic":
            return _answer("approved", AUTOMATIC)
        if question.approval == "never":
            raise AirflowFailException("the rules promote nothing: `champion promote RUN` promotes by hand")
        # Airflow takes subject and body from here. What stands in the task's constructor was known before the decision.
        self.subject = f"Make the new {question.family.upper()} the champion of {self.title}?"
        self.body = body(question)
        try:
            super().execute(context)
        except TaskAwaitingInput:
            self._wait(question.until)

    def execute_complete(self, context: Any, event: dict[str, Any], until: str = "") -> Any:
        """Return the answer, or that there will be none; else wait on.

        `until` ends the wait, in ISO 8601.

        Raises:
            TaskAwaitingInput: nobody has answered yet.
        """
        if event.get("error_type") != "timeout":
            answer = super().execute_complete(context, event)
            person = answer["responded_by_user"] or {}
            who = person.get("name") or person.get("id") or "somebody"
            return _answer("approved" if answer["chosen_options"] == [APPROVE] else "rejected", who)
        if self._is_superseded(context):
            return _answer("superseded", AUTOMATIC)
        end = datetime.fromisoformat(until)
        if datetime.now(UTC) >= end:
            return _answer("unanswered", AUTOMATIC)
        self._wait(end)

    def _is_superseded(self, context: Any) -> bool:
        """Whether the candidate of another run passed the gate after that of this one."""
        events = context["inlet_events"][passed(self.dataset)].after(context["dag_run"].start_date.isoformat())
        later = takewhile(lambda event: event.source_run_id != context["run_id"], events.ascending(False))
        return any(event.source_run_id for event in later)

    def _wait(self, until: datetime) -> NoReturn:
        """Park the task until somebody answers, but not longer than one look, or than the wait may take."""
        left = max(timedelta(0), until - datetime.now(UTC))
        kept = {"until": until.isoformat()}
        raise TaskAwaitingInput(method_name="execute_complete", kwargs=kept, timeout=min(self.look, left)) from None


def asked(dataset: str, run_id: str) -> Question:
    """The question of the decision that this run of `promote_champion` has made.

    Raises:
        AirflowFailException: it is not there, it is damaged, or the store cannot be found.
    """
    key = decision_key(dataset, slug(run_id))
    try:
        if (found := stored(key)) is None:
            raise RequestError(f"{key}: expected the decision of the gate, found none; clear `judge` to make it")
        decision = json.loads(found)
        model, judgement = decision["candidate"], decision["judgement"]
        # A task that is tried again does not wait for longer: the time counts from the decision.
        until = datetime.fromisoformat(decision["when"]) + parse(Promotion, judgement["rules"], key).patience
        return Question(model["run"], model["family"], judgement["sentence"], decision["approval"], until)
    except (RequestError, RunnerError) as error:
        raise AirflowFailException(str(error)) from error
    except (ValueError, LookupError, TypeError) as error:
        raise AirflowFailException(f"{key}: expected the decision of the gate, received something else") from error


def body(question: Question) -> str:
    """What the person reads, as Markdown."""
    return "\n\n".join(
        [
            plain(question.sentence),
            f"[Read the report]({REPORT_PAGES}/{quote(question.run, safe='')}) of the run {plain(question.run)}.",
            f"If nobody answers by {question.until:%Y-%m-%d %H:%M} UTC, the champion stays as it is. If a newer "
            "candidate passes the gate first, this request ends, and the newer one is asked about instead.",
        ]
    )


def plain(text: str) -> str:
    """The same `text` in Markdown, on one line, in which no character means anything."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _answer(answer: str, who: str) -> dict[str, str]:
    return {"answer": answer, "by": who}
