"""Decisions and answers: what was written first stands, and what has been decided is not decided again."""

from datetime import datetime, timedelta

import pytest

from tasks.errors import RequestError, UnchangedError
from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.decisions import (
    BY_HAND,
    Case,
    require_another,
    require_not_rolled_back,
    require_undecided,
)
from tasks.runs.records import now
from tasks.settings.promotion import Promotion
from tasks.storage.documents import DamagedError
from tests.support import champions
from tests.support.champions import DATASET

RULES = Promotion()
OLD = "2020-11-29T10:00:00.000+00:00"


def test_what_was_written_first_stands(store):
    """A retry of a decision, and of an answer, gets what the first attempt wrote."""
    first = decisions.keep_decision(store, champions.decision("r1"))
    assert decisions.keep_decision(store, champions.decision("r1", passed=False)) == first
    assert decisions.decision(store, DATASET, "r1") == first
    answer = decisions.keep_answer(store, DATASET, champions.answer("r1"))
    assert decisions.keep_answer(store, DATASET, champions.answer("r1", "unanswered")) == answer
    assert decisions.answer(store, DATASET, "r1") == answer


def test_what_there_is_not_is_none(store):
    """Before anybody asked, there is neither a decision nor an answer."""
    assert decisions.decision(store, DATASET, "r1") is None
    assert decisions.answer(store, DATASET, "r1") is None
    assert decisions.cases(store, DATASET) == []


def test_only_answers_that_there_are_are_read(store, monkeypatch):
    """A history of many decisions that were refused costs no request for answers that nobody gave."""
    for asked in ("r1", "r2", "r3"):
        decisions.keep_decision(store, champions.decision(asked))
    decisions.keep_answer(store, DATASET, champions.answer("r2"))
    read, keys = type(store).read, []
    monkeypatch.setattr(type(store), "read", lambda self, key: keys.append(key) or read(self, key))
    decisions.cases(store, DATASET)
    assert [key for key in keys if key.endswith(".answer.json")] == [f"champions/{DATASET}/decisions/r2.answer.json"]
    assert len(keys) == 4


@pytest.mark.parametrize("when", ["", "yesterday", "2026-11-29T10:00:00", "2026-11-29T10:00:00+01:00"])
def test_a_decision_without_its_moment_is_damaged(store, when):
    """A moment is in UTC, so that texts have the order of their times."""
    body = champions.decision("r1").model_dump_json().replace("2026-11-29T10:00:00.000+00:00", when)
    store.write(f"champions/{DATASET}/decisions/r1.json", body.encode())
    with pytest.raises(DamagedError, match=r"decisions/r1\.json: expected a document Decision"):
        decisions.decision(store, DATASET, "r1")


def test_all_decisions_stand_in_the_order_of_their_times(store):
    """Each with its answer; the names, which have dots, say nothing of the order."""
    names = ("scheduled.2", "by-hand-1", "manual.1.2")
    for hour, asked in enumerate(names, 10):
        decisions.keep_decision(store, champions.decision(asked, when=f"2026-11-29T{hour}:00:00.000+00:00"))
    decisions.keep_answer(store, DATASET, champions.answer("by-hand-1"))
    ledger.append(store, champions.entry(1))
    found = decisions.cases(store, DATASET)
    assert [case.decision.asked for case in found] == list(names)
    assert [case.answer.answer if case.answer else None for case in found] == [None, "rejected", None]


@pytest.mark.parametrize("body", [b"", b"{}", champions.decision("r2").model_dump_json().encode()])
def test_a_damaged_decision_is_named(store, body):
    """It is neither passed over nor taken for that of another name."""
    store.write(f"champions/{DATASET}/decisions/r1.json", body)
    for look in (lambda: decisions.decision(store, DATASET, "r1"), lambda: decisions.cases(store, DATASET)):
        with pytest.raises(DamagedError, match=r"decisions/r1\.json: expected"):
            look()


def test_no_decision_has_the_name_of_an_answer(store):
    """So that the answer to one is never another one."""
    with pytest.raises(RequestError, match=r"whose name does not end with \.answer, received 'r1\.answer'"):
        decisions.decision(store, DATASET, "r1.answer")


def test_the_champion_is_no_candidate(store):
    """Not even under the name of a later run, which reused its trainings."""
    entry = ledger.append(store, champions.entry(1))
    require_another(store, champions.model("quick-2"))
    with pytest.raises(UnchangedError, match="run quick-9 is the champion already, number 1"):
        require_another(store, entry.model.model_copy(update={"run": "quick-9"}))


def keep_ledger(store, *runs, back):
    """The models of these runs become champions, one after the other; then the one of number `back` returns."""
    for number, run in enumerate(runs, 1):
        ledger.append(store, champions.entry(number, run))
    number, model = len(runs) + 1, champions.model(runs[back - 1])
    ledger.append(store, champions.entry(number, model=model, kind="rollback", restores=back, decision=None))


@pytest.mark.parametrize("run", ["quick-2", "quick-3"])
def test_what_a_person_rolled_back_is_no_candidate(store, run):
    """That are the models from which the person went back, and those that were passed over on the way."""
    keep_ledger(store, "quick-1", "quick-2", "quick-3", back=1)
    model = champions.model(run).model_copy(update={"run": "quick-9"})
    with pytest.raises(UnchangedError, match="run quick-9 was rolled back by ada, with number 4; `champion"):
        require_not_rolled_back(store, model)


def test_what_was_the_champion_again_since_a_rollback_is_a_candidate(store):
    """So are models that were never rolled back: a better one took their place, or a rollback restored them."""
    keep_ledger(store, "quick-1", "quick-2", "quick-3", back=2)
    ledger.append(store, champions.entry(5, "quick-3"))
    ledger.append(store, champions.entry(6, "quick-4"))
    for run in ("quick-1", "quick-2", "quick-3", "quick-4", "quick-5"):
        require_not_rolled_back(store, champions.model(run))


@pytest.mark.parametrize("outcome", ["unanswered", "superseded", "overtaken"])
def test_a_question_that_nobody_decided_may_be_asked_again(store, outcome):
    """A candidate that passed, and that nobody rejected, may be judged once more."""
    made = decisions.keep_decision(store, champions.decision("r1", when=now()))
    decisions.keep_answer(store, DATASET, champions.answer("r1", outcome))
    require_undecided(store, made.candidate, RULES)


def test_a_question_that_waits_is_not_asked_twice(store):
    """Neither for the same run, nor for a later one that reused its trainings. Other models are another question."""
    made = decisions.keep_decision(store, champions.decision("r1", when=now()))
    for run in ("quick-1", "quick-2"):
        with pytest.raises(UnchangedError, match="run quick-1 waits for an answer already, asked by r1; `champion pro"):
            require_undecided(store, made.candidate.model_copy(update={"run": run}), RULES)
    require_undecided(store, champions.model("quick-2"), RULES)


@pytest.mark.parametrize("changes", [{"when": OLD}, {"approval": "automatic"}, {"approval": "never"}])
def test_what_asks_nobody_may_be_judged_again(store, changes):
    """Its run has failed or is gone, or needed nobody."""
    made = decisions.keep_decision(store, champions.decision("r1", **({"when": now()} | changes)))
    require_undecided(store, made.candidate, RULES)


@pytest.mark.parametrize("approval", ["human", "automatic"])
def test_a_candidate_waits_as_long_as_its_rules_say(approval):
    """To the last moment before its patience ends: whatever became of its run, nothing is blocked for longer."""
    case = Case(champions.decision("r1", approval=approval, when=OLD), None)
    end = datetime.fromisoformat(OLD) + RULES.patience
    assert case.waits(end - timedelta(milliseconds=1))
    assert not case.waits(end)


@pytest.mark.parametrize(
    "case",
    [
        Case(champions.decision("r1", passed=False, when=OLD), None),
        Case(champions.decision("r1", approval="never", when=OLD), None),
        Case(champions.decision(f"{BY_HAND}1", approval="automatic", when=OLD), None),
        Case(champions.decision("r1", when=OLD), champions.answer("r1", "unanswered")),
    ],
    ids=["refused", "never promoted", "by hand", "answered"],
)
def test_what_cannot_become_the_champion_does_not_wait(case):
    """Not even at the moment when it was decided."""
    assert not case.waits(datetime.fromisoformat(OLD))


def test_what_was_refused_or_rejected_is_not_asked_again(store):
    """The error says by whom it was decided, and how."""
    made = decisions.keep_decision(store, champions.decision("r1", passed=False))
    with pytest.raises(UnchangedError, match=f"decided already, by r1: {made.judgement.sentence}"):
        require_undecided(store, made.candidate, RULES)
    other = decisions.keep_decision(store, champions.decision("r2", "quick-2"))
    decisions.keep_answer(store, DATASET, champions.answer("r2"))
    with pytest.raises(UnchangedError, match="decided already, by r2: It was rejected"):
        require_undecided(store, other.candidate, RULES)


def test_other_rules_another_champion_and_other_models_are_another_question(store):
    """Each of them may lead to another decision."""
    made = decisions.keep_decision(store, champions.decision("r1", passed=False))
    require_undecided(store, made.candidate, RULES.model_copy(update={"margin": 1.0}))
    for more in ({"approval": "automatic"}, {"patience_hours": 1.0}):  # they come after the gate
        with pytest.raises(UnchangedError, match="decided already, by r1"):
            require_undecided(store, made.candidate, RULES.model_copy(update=more))
    require_undecided(store, champions.model("quick-2"), RULES)
    ledger.append(store, champions.entry(1, "quick-0"))
    require_undecided(store, made.candidate, RULES)


def test_looks_count_the_candidates_that_were_judged_on_a_test_part(store):
    """A candidate counts once, however often it was judged; those on another test part do not count."""
    for asked, run, part in (("r1", "a", "t"), ("r2", "a", "t"), (f"{BY_HAND}3", "b", "t"), ("r4", "c", "other")):
        decisions.keep_decision(store, champions.decision(asked, run, test_part=part))
    judged = [case.decision for case in decisions.cases(store, DATASET)]
    assert decisions.looks(judged, champions.model("d"), "t") == 3
    assert decisions.looks(judged, champions.model("b"), "t") == 2
    assert decisions.looks(judged, champions.model("b"), "new") == 1
