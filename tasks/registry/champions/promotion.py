"""How a candidate becomes the champion, and how an earlier champion comes back: one entry of the ledger.

The order of a promotion is: the export, the entry, the answer. A promotion that was killed may be tried again at any
instant. The export has a key, so it is reused. The entry says which decision it belongs to, so it is recognised.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from tasks.comparison.words.promotion import title
from tasks.errors import DataError, RequestError, UnsettledError
from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.candidates import same_models
from tasks.registry.champions.documents import Answer, Decision, Entry, NamedModel, Outcome
from tasks.runs.order import published_number
from tasks.runs.records import now
from tasks.settings.values import Frozen, Text
from tasks.storage.contract import Store

AUTOMATIC = "automatic"
Export = Callable[[NamedModel], str]  # stores the exported model and its card, and returns the artifact's key


class Approval(Frozen):
    """What Airflow knows of the approval: the answer, and the name of the person who gave it."""

    answer: Literal["approved", "rejected", "unanswered", "superseded"]
    by: Text | None = None


class Consent(NamedTuple):
    """Who lets a candidate become the champion, and why."""

    who: str
    why: str


def conclude(store: Store, decision: Decision, approval: Approval | None, export: Export) -> Answer:
    """Promote the candidate of a decision where it was approved, and record what became of it.

    Raises:
        RequestError: the gate did not let it pass, or nobody was asked who had to be.
        DataError, StoreError: as `promote`.
    """
    asked, dataset = decision.asked, decision.candidate.dataset
    if known := decisions.answer(store, dataset, asked) or _of_an_earlier_attempt(store, decision):
        return known
    if not decision.judgement.passed:
        raise RequestError(f"{asked}: expected a candidate that passed the gate: {decision.judgement.sentence}")
    given = _checked(decision, approval) if approval else _without_question(decision)
    if given.answer == "approved":
        consent = Consent(given.by or AUTOMATIC, decision.judgement.sentence)
        return superseded(store, decision) or promote(store, decision, consent, export)
    return _answer(store, decision, given.answer, given.by)


def promote(store: Store, decision: Decision, consent: Consent, export: Export) -> Answer:
    """Export the candidate, make it the champion, and record that, or who was first.

    Raises:
        DataError: an artifact of the model is missing or damaged, or the ledger is.
        StoreError: the store cannot be reached. Nothing but the export may be stored then.
    """
    stands = _successor(store, decision) or ledger.append(store, _entry(decision, consent, export))
    outcome: Outcome = "promoted" if stands.decision == decision.asked else "overtaken"
    return _answer(store, decision, outcome, stands.who, stands.number)


def superseded(store: Store, decision: Decision) -> Answer | None:
    """The answer where a later run's candidate passed the gate against the same champion, and waits; else None."""
    number, at = published_number(store, decision.candidate.run) or 0, datetime.now(UTC)
    is_superseded = any(
        (published_number(store, case.decision.candidate.run) or 0) > number
        for case in decisions.cases(store, decision.candidate.dataset)
        if case.waits(at) and case.decision.champion == decision.champion
    )
    return _answer(store, decision, "superseded") if is_superseded else None


def rollback(store: Store, dataset: str, to: int | None, consent: Consent) -> Entry:
    """Bring an earlier champion back: the one before the present one, or that of the entry `to`. It is one write.

    Raises:
        RequestError: there is no such entry, or no champion at all.
        DataError: there was none before, or it is the present one.
        UnsettledError: another entry was written meanwhile.
    """
    present = ledger.required(store, dataset)
    origin = _restored(store, present, to)
    new = Entry(
        number=present.number + 1,
        kind="rollback",
        model=origin.model,
        export=origin.export,
        restores=origin.number,
        who=consent.who,
        when=now(),
        why=consent.why,
    )
    if (stands := ledger.append(store, new)) != new:
        raise UnsettledError(f"{dataset}: {stands.who} wrote number {stands.number} meanwhile; look, and try again")
    return new


def _restored(store: Store, present: Entry, to: int | None) -> Entry:
    """The promotion that a rollback brings back."""
    dataset = present.model.dataset
    if to is None:
        if earlier := ledger.before(store, present):
            return earlier
        raise DataError(f"{dataset}: expected a champion before the present one, which is the first")
    if not 1 <= to <= present.number:
        raise RequestError(f"{dataset}: expected a number from 1 to {present.number}, received {to}")
    origin = ledger.promotion_of(store, ledger.entry(store, dataset, to))
    if same_models(origin.model, present.model):
        raise DataError(f"{dataset}: number {to} is the present champion; name another one: --to N")
    return origin


def _entry(decision: Decision, consent: Consent, export: Export) -> Entry:
    return Entry(
        number=decision.number,
        kind="promotion",
        model=decision.candidate,
        export=export(decision.candidate),
        decision=decision.asked,
        who=consent.who,
        when=now(),
        why=consent.why,
    )


def _of_an_earlier_attempt(store: Store, decision: Decision) -> Answer | None:
    """The answer of an attempt that wrote the entry and died before its answer; None where none did."""
    stands = _successor(store, decision)
    if stands is None or stands.decision != decision.asked:
        return None
    return _answer(store, decision, "promoted", stands.who, stands.number)


def _successor(store: Store, decision: Decision) -> Entry | None:
    """The entry after the champion of a decision, whoever wrote it; None where nobody did yet."""
    present = ledger.present(store, decision.candidate.dataset)
    if present is None or present.number < decision.number:
        return None
    return ledger.entry(store, decision.candidate.dataset, decision.number)


def _checked(decision: Decision, approval: Approval) -> Approval:
    """The approval, where the decision allows it.

    Raises:
        RequestError: the rules never promote, or nobody says who approved what needs a person.
    """
    if approval.answer == "approved" and decision.approval == "never":
        raise RequestError(f"{decision.asked}: the rules promote nothing; `champion promote RUN` promotes by hand")
    if approval.answer == "approved" and decision.approval == "human" and approval.by in (None, AUTOMATIC):
        raise RequestError(f"{decision.asked}: expected the name of the person who approved it, received none")
    return approval


def _without_question(decision: Decision) -> Approval:
    """The approval of a decision for which nobody is asked."""
    if decision.approval == "automatic":
        return Approval(answer="approved")
    expected = "a person's approval" if decision.approval == "human" else 'an `approval` other than "never"'
    raise RequestError(f"{decision.asked}: expected {expected}, received none; `champion promote RUN` promotes by hand")


def _answer(
    store: Store, decision: Decision, outcome: Outcome, who: str | None = None, number: int | None = None
) -> Answer:
    new = Answer(
        asked=decision.asked,
        answer=outcome,
        number=number,
        who=who,
        when=now(),
        sentence=_sentence(decision.candidate, outcome, who, number),
    )
    return decisions.keep_answer(store, decision.candidate.dataset, new)


def _sentence(model: NamedModel, outcome: Outcome, who: str | None, number: int | None) -> str:
    person = who if who not in (None, AUTOMATIC) else None
    approved = f"approved by {person}" if person else "without approval"
    said = {
        "promoted": f"is now champion {number} of {model.dataset}, {approved}.",
        "rejected": f"was not promoted: {person or 'somebody'} rejected it.",
        "unanswered": "was not promoted: nobody approved it in time.",
        "superseded": "was not promoted: a newer candidate took its place.",
        "overtaken": f"was not promoted: champion {number} came first. It was judged against the one before that.",
    }
    what = title(model.family, model.run)
    return f"{what[0].upper()}{what[1:]} ({model.budget:,} parameters) {said[outcome]}"
