"""The decisions of the gate, and the answers to them: each is written once, and what was written first stands."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tasks.errors import RequestError, UnchangedError
from tasks.registry.champions import ledger
from tasks.registry.champions.candidates import same_models
from tasks.registry.champions.documents import Answer, Decision, NamedModel
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
    keys = store.list(f"{ledger.folder(dataset)}decisions/")
    names = {match["asked"] for key in keys if (match := KEPT.fullmatch(key)) and not match["answer"]}
    found = [(decision(store, dataset, name), answer(store, dataset, name)) for name in sorted(names)]
    return sorted((Case(made, became) for made, became in found if made), key=lambda case: case.decision.when)


def require_another(store: Store, candidate: NamedModel) -> None:
    """Check that a candidate is not the present champion itself, whose models a later run may have reused.

    Raises:
        UnchangedError: it is.
        DataError: the ledger is damaged.
    """
    champion = ledger.present(store, candidate.dataset)
    if champion and same_models(champion.model, candidate):
        what = f"the {candidate.family} at {candidate.budget:,} parameters of run {candidate.run}"
        raise UnchangedError(f"{candidate.dataset}: {what} is the champion already, number {champion.number}")


def require_of_airflow(asked: str) -> None:
    """Check that the name of a run of `promote_champion` is not one of those for what a person asks by hand.

    Raises:
        RequestError: it is, and would need nobody's approval.
    """
    if asked.startswith(BY_HAND):
        raise RequestError(f"expected a run whose name does not begin with {BY_HAND}, received {asked!r:.200}")


def require_undecided(store: Store, candidate: NamedModel, rules: Promotion) -> None:
    """Check that nothing has been decided on a candidate, by these rules, against the present champion.

    A candidate that was let pass, and got no answer, is open. So is one whose place in line another one took.

    Raises:
        UnchangedError: it has.
        DataError: the ledger or a decision is damaged.
    """
    champion = ledger.present(store, candidate.dataset)
    number = champion.number if champion else None
    for made, became in cases(store, candidate.dataset):
        same = (
            made.champion == number
            and made.judgement.rules.gate == rules.gate
            and same_models(made.candidate, candidate)
        )
        if same and not made.judgement.passed:
            raise UnchangedError(f"{candidate.dataset}: decided already, by {made.asked}: {made.judgement.sentence}")
        if same and became and became.answer == "rejected":
            raise UnchangedError(f"{candidate.dataset}: decided already, by {made.asked}: {became.sentence}")


def decide(
    store: Store, asked: str, candidate: NamedModel, present: NamedModel, rules: Promotion, say: Say
) -> Decision:
    """Judge a candidate against the champion, and keep that as the decision `asked`.

    Both are compared on the present test part: that of `present`, the models of the newest run with a result.

    What a person asks by hand, as the name says, needs nobody else. `require_of_airflow` keeps such names for them.

    Raises:
        RequestError: the candidate cannot answer the present images.
        DataError: what the gate needs is missing or damaged.
    """
    from tasks.registry.champions.judging import Contest, judge

    champion = ledger.present(store, candidate.dataset)
    number = looks(store, candidate, present.test_part)
    contest = Contest(candidate, champion.model if champion else None, rules, number)
    judgement, predictions = judge(store, contest, present, say)
    is_first = champion is None and rules.approval == "human"
    new = Decision(
        asked=asked,
        test_part=present.test_part,
        candidate=candidate,
        champion=champion.number if champion else None,
        predictions=predictions,
        judgement=judgement,
        approval="automatic" if is_first or asked.startswith(BY_HAND) else rules.approval,
        when=now(),
    )
    return keep_decision(store, new)


def looks(store: Store, candidate: NamedModel, test_part: str) -> int:
    """How many candidates were judged on a test part, with this one."""
    judged = [case.decision for case in cases(store, candidate.dataset)]
    on_it = [each.candidate for each in judged if each.test_part == test_part]
    return len({(each.run, each.family, each.budget) for each in (*on_it, candidate)})


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
