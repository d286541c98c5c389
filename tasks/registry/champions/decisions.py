"""The decisions of the gate, and the answers to them: each is written once, and what was written first stands."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from tasks.errors import RequestError, UnchangedError
from tasks.registry.champions import ledger
from tasks.registry.champions.candidates import same_models
from tasks.registry.champions.documents import Answer, Decision, NamedModel, Needed
from tasks.runs.records import now
from tasks.settings.promotion import Promotion
from tasks.settings.workflow import ANSWER, CHAMPIONS, decision_key
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

BY_HAND = "by-hand-"  # begins the name of what a person asked
KEPT = re.compile(rf"{CHAMPIONS}[a-z][a-z0-9_]*/decisions/(?P<asked>.+?)(?P<answer>{re.escape(ANSWER)})?\.json")
REMEDY = "delete it, and ask again"
Document = TypeVar("Document", Decision, Answer)
Say = Callable[[str], None]


class Case(NamedTuple):
    """A decision, and what became of it; None while that is open, and where the gate let nothing pass."""

    decision: Decision
    answer: Answer | None

    def waits(self, at: datetime) -> bool:
        """Whether a run of `promote_champion` may still make its candidate the champion, at that moment.

        A run that failed or was deleted leaves no answer. So nothing waits for longer than its rules say.
        """
        made = self.decision
        is_settled = self.answer or not made.judgement.passed or made.approval == "never"
        if is_settled or made.asked.startswith(BY_HAND):
            return False
        return at < datetime.fromisoformat(made.when) + made.judgement.rules.patience


def decision(store: Store, dataset: str, asked: str) -> Decision | None:
    """The decision of that name, or None.

    Raises:
        RequestError: there can be none of that name.
        DamagedError: it cannot be read, or is another one.
    """
    return _read(store, _key(dataset, asked), Decision, asked)


def answer(store: Store, dataset: str, asked: str) -> Answer | None:
    """The answer to the decision of that name, or None; raises as `decision`."""
    return _read(store, _key(dataset, asked, ANSWER), Answer, asked)


def keep_decision(store: Store, new: Decision) -> Decision:
    """Write a decision, unless there is one of its name. Return the one that stands; raises as `decision`."""
    return _kept(store, _key(new.candidate.dataset, new.asked), new)


def keep_answer(store: Store, dataset: str, new: Answer) -> Answer:
    """Write an answer, unless there is one. Return the one that stands; raises as `decision`."""
    return _kept(store, _key(dataset, new.asked, ANSWER), new)


def cases(store: Store, dataset: str) -> list[Case]:
    """All decisions of a dataset with their answers, in the order of their times; raises as `decision`."""
    kept = [match for key in store.list(f"{ledger.folder(dataset)}decisions/") if (match := KEPT.fullmatch(key))]
    answered = {match["asked"] for match in kept if match["answer"]}
    found = [
        Case(made, answer(store, dataset, made.asked) if made.asked in answered else None)
        for match in kept
        if not match["answer"] and (made := decision(store, dataset, match["asked"]))
    ]
    return sorted(found, key=lambda case: case.decision.when)


def require_another(store: Store, candidate: NamedModel) -> None:
    """Check that a candidate is not the present champion itself, whose models a later run may have reused.

    Raises:
        UnchangedError: it is.
        DataError: the ledger is damaged.
    """
    champion = ledger.present(store, candidate.dataset)
    if champion and same_models(champion.model, candidate):
        raise UnchangedError(f"{_what(candidate)} is the champion already, number {champion.number}")


def require_not_rolled_back(store: Store, candidate: NamedModel) -> None:
    """Check that nobody has rolled a candidate's models back since they last were the champion.

    Who went from them to an earlier champion rolled them back, and so did who passed them over on that way.

    Raises:
        UnchangedError: somebody did.
        DataError: the ledger is damaged.
    """
    entries = ledger.entries(store, candidate.dataset)
    last = max((each.number for each in entries if same_models(each.model, candidate)), default=0)
    for each in entries:
        if each.restores and each.restores < last < each.number:
            back = f"was rolled back by {each.who}, with number {each.number}"
            raise UnchangedError(f"{_what(candidate)} {back}; `champion promote {candidate.run}` promotes it by hand")


def require_of_airflow(asked: str) -> None:
    """Check that the name of a run of `promote_champion` is not one of those for what a person asks by hand.

    Raises:
        RequestError: it is, and would need nobody's approval.
    """
    if asked.startswith(BY_HAND):
        raise RequestError(f"expected a run whose name does not begin with {BY_HAND}, received {asked!r:.200}")


def require_undecided(store: Store, candidate: NamedModel, rules: Promotion) -> None:
    """Check that nothing has been decided on a candidate, by these rules, against the present champion.

    A candidate that passed may be judged again, unless a person rejected it, or is asked about it still.

    Raises:
        UnchangedError: it has.
        DataError: the ledger or a decision is damaged.
    """
    champion = ledger.present(store, candidate.dataset)
    number = champion.number if champion else None
    for case in cases(store, candidate.dataset):
        made = case.decision
        same = (
            made.champion == number
            and made.judgement.rules.gate == rules.gate
            and same_models(made.candidate, candidate)
        )
        if same and (reason := _settled(case)):
            raise UnchangedError(f"{candidate.dataset}: {reason}")


def decide(store: Store, asked: str, candidate: NamedModel, newest: NamedModel, rules: Promotion, say: Say) -> Decision:
    """Judge a candidate against the champion, and keep that as the decision `asked`.

    Both are compared on the present test part: that of `newest`, the models of the newest run with a result.

    Raises:
        RequestError: the candidate cannot answer the present images.
        DataError: what the gate needs is missing or damaged.
        NoAnswerError: a process that measures did not end by itself.
    """
    from tasks.registry.champions.judging import Contest, judge, judging_code

    champion = ledger.present(store, candidate.dataset)
    judged = [case.decision for case in cases(store, candidate.dataset)]
    number = looks(judged, candidate, newest.test_part)
    contest = Contest(candidate, champion.model if champion else None, rules, number)
    judgement, predictions = judge(store, contest, newest, say)
    new = Decision(
        asked=asked,
        test_part=newest.test_part,
        candidate=candidate,
        champion=champion.number if champion else None,
        predictions=predictions,
        judgement=judgement,
        code=judging_code(),
        approval=needed(asked, rules, is_first=champion is None),
        when=now(),
    )
    return keep_decision(store, new)


def needed(asked: str, rules: Promotion, *, is_first: bool) -> Needed:
    """What a candidate that passes needs to become the champion.

    What a person asks by hand, as the name says, needs nobody else. `require_of_airflow` keeps such names for them.
    """
    if asked.startswith(BY_HAND) or (is_first and rules.approval == "human"):
        return "automatic"
    return rules.approval


def looks(judged: Iterable[Decision], candidate: NamedModel, test_part: str) -> int:
    """How many candidates were judged on a test part, with this one."""
    on_it = [each.candidate for each in judged if each.test_part == test_part]
    return len({(each.run, each.family, each.budget) for each in (*on_it, candidate)})


def _settled(case: Case) -> str | None:
    """Why the candidate of a case is not judged again; None where it may be."""
    made, became = case
    if not made.judgement.passed:
        return f"decided already, by {made.asked}: {made.judgement.sentence}"
    if became and became.answer == "rejected":
        return f"decided already, by {made.asked}: {became.sentence}"
    if made.approval == "human" and case.waits(datetime.now(UTC)):
        run = made.candidate.run
        by_hand = f"`champion promote {run}` promotes it by hand"
        return f"the candidate of run {run} waits for an answer already, asked by {made.asked}; {by_hand}"
    return None


def _what(model: NamedModel) -> str:
    """A candidate, as an error names it."""
    return f"{model.dataset}: the {model.family} at {model.budget:,} parameters of run {model.run}"


def _kept(store: Store, key: str, new: Document) -> Document:
    if store.write(key, new.model_dump_json(indent=1).encode(), if_absent=True):
        return new
    return _read(store, key, type(new), new.asked) or new


def _read(store: Store, key: str, kind: type[Document], asked: str) -> Document | None:
    try:
        found = read_document(store, key, kind, f"a document {kind.__name__}", REMEDY)
    except ObjectMissing:
        return None
    if found.asked != asked:
        raise DamagedError(f"{store.uri}/{key}", f"expected what {asked} asked, received {found.asked!r:.200}", REMEDY)
    return found


def _key(dataset: str, asked: str, suffix: str = "") -> str:
    if asked.endswith(ANSWER):
        raise RequestError(f"expected a run whose name does not end with {ANSWER}, received {asked!r:.200}")
    return decision_key(dataset, asked, suffix)
