"""From a decision to a champion, in both kinds of store: what is asked, who wins, and what comes back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import DataError, RequestError
from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.promotion import Approval, Consent, conclude, promote, rollback
from tasks.runs.order import publish
from tasks.runs.records import now
from tests.support import champions
from tests.support.champions import DATASET
from tests.support.patience import PATIENCE

ADA = Consent("ada", "It is good.")
APPROVED = Approval(answer="approved", by="ada")


def exported(model):
    """The key of an export that was made before."""
    return f"export-{model.run}"


def never(model):
    """No export may be made here."""
    pytest.fail(f"{model.run} was exported")


def decided(store, asked, run="quick-1", **changes):
    """A decision that the store keeps, made now; the run has a report."""
    publish(store, run, "complete")
    return decisions.keep_decision(store, champions.decision(asked, run, **({"when": now()} | changes)))


def test_an_approved_candidate_becomes_the_champion(stores):
    """The entry names the model, its export, the person and the decision; the answer names the entry."""
    made = decided(stores, "r1")
    answer = conclude(stores, made, APPROVED, exported)
    (entry,) = ledger.entries(stores, DATASET)
    assert (entry.number, entry.model, entry.export) == (1, made.candidate, "export-quick-1")
    assert (entry.who, entry.why, entry.decision) == ("ada", made.judgement.sentence, "r1")
    assert (answer.answer, answer.number, answer.who) == ("promoted", 1, "ada")
    assert "is now champion 1 of cifar10, approved by ada." in answer.sentence
    assert decisions.answer(stores, DATASET, "r1") == answer


def test_a_second_attempt_changes_nothing(stores):
    """A retry finds the answer of the first attempt, whatever it is told about the approval."""
    made = decided(stores, "r1")
    answer = conclude(stores, made, APPROVED, exported)
    assert conclude(stores, made, Approval(answer="rejected", by="bob"), never) == answer
    assert len(ledger.entries(stores, DATASET)) == 1


def test_an_attempt_that_died_after_the_entry_is_completed(stores):
    """The entry says whose it is, so that the retry exports nothing, and only writes the answer."""
    made = decided(stores, "r1")
    conclude(stores, made, APPROVED, exported)
    stores.delete(f"champions/{DATASET}/decisions/r1.answer.json")
    assert conclude(stores, made, APPROVED, never).answer == "promoted"
    assert len(ledger.entries(stores, DATASET)) == 1


def test_an_attempt_that_died_after_the_entry_keeps_its_champion_whatever_comes_since(stores):
    """A newer candidate that waits, or another answer to the question, changes nothing of what was promoted."""
    made = decided(stores, "r1")
    conclude(stores, made, APPROVED, exported)
    for approval in (APPROVED, Approval(answer="rejected", by="bob"), Approval(answer="superseded")):
        stores.delete(f"champions/{DATASET}/decisions/r1.answer.json")
        publish(stores, "quick-2", "complete")
        decided(stores, "r2", "quick-2")
        assert conclude(stores, made, approval, never).answer == "promoted"
    assert len(ledger.entries(stores, DATASET)) == 1


def test_rules_that_never_promote_forbid_an_approval(store):
    """Somebody marks the skipped gate as done in Airflow: the approval that follows is a mistake, and is named."""
    made = decided(store, "r1", approval="never")
    with pytest.raises(RequestError, match="the rules promote nothing"):
        conclude(store, made, APPROVED, never)
    assert ledger.present(store, DATASET) is None


@pytest.mark.parametrize("by", [None, "automatic"])
def test_an_approval_has_the_name_of_a_person(store, by):
    """Where the decision needs one, nobody else can approve."""
    made = decided(store, "r1")
    with pytest.raises(RequestError, match="expected the name of the person who approved it, received none"):
        conclude(store, made, Approval(answer="approved", by=by), never)
    assert ledger.present(store, DATASET) is None


@pytest.mark.parametrize("answer", ["rejected", "unanswered", "superseded"])
def test_without_an_approval_there_is_no_champion(store, answer):
    """The reason is kept, in one sentence, and nothing is exported."""
    made = decided(store, "r1")
    became = conclude(store, made, Approval(answer=answer, by="bob"), never)
    assert became.answer == answer
    assert became.sentence.startswith("The CNN of run quick-1 (250,000 parameters) was not promoted: ")
    assert ledger.present(store, DATASET) is None


def test_the_first_champion_needs_no_person(store):
    """Where the decision asks nobody, nothing need be said, and the sentence says that it was without approval."""
    made = decided(store, "r1", approval="automatic")
    assert "without approval" in conclude(store, made, None, exported).sentence
    assert ledger.present(store, DATASET).who == "automatic"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"approval": "human"}, "expected a person's approval, received none"),
        ({"approval": "never"}, 'expected an `approval` other than "never", received none'),
        ({"passed": False}, "expected a candidate that passed the gate: "),
    ],
)
def test_nothing_is_promoted_that_must_not_be(store, changes, expected):
    """Such a call is a mistake of the caller, and is named; nothing is kept."""
    made = decided(store, "r1", **changes)
    with pytest.raises(RequestError, match=expected):
        conclude(store, made, None, never)
    assert ledger.present(store, DATASET) is None
    assert decisions.answer(store, DATASET, "r1") is None


def test_of_two_promotions_at_the_same_moment_one_wins(stores):
    """Both have exported before either writes. The other one says who was first, and the ledger has one new entry."""
    made = [decided(stores, f"r{number}", f"quick-{number}", approval="automatic") for number in (1, 2)]
    together = threading.Barrier(2, timeout=PATIENCE)

    def meeting(model):
        together.wait()
        return exported(model)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: promote(stores, each, ADA, meeting), made))
    assert sorted(each.answer for each in answers) == ["overtaken", "promoted"]
    (entry,) = ledger.entries(stores, DATASET)
    winner, loser = sorted(answers, key=lambda each: each.answer == "overtaken")
    assert (entry.decision, entry.number) == (winner.asked, 1)
    assert "was not promoted: champion 1 came first" in loser.sentence
    assert decisions.answer(stores, DATASET, loser.asked) == loser


def test_two_attempts_of_one_promotion_at_the_same_moment_are_one(stores):
    """An attempt that was given up for dead, and its retry: one entry, and both say the same."""
    made = decided(stores, "r1", approval="automatic")
    together = threading.Barrier(2, timeout=PATIENCE)

    def meeting(model):
        together.wait()
        return exported(model)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: promote(stores, made, ADA, meeting), range(2))
    assert first == second
    assert len(ledger.entries(stores, DATASET)) == 1


def test_who_comes_late_makes_no_export(store):
    """A champion since the decision is seen before the long work begins."""
    late = decided(store, "r1")
    conclude(store, decided(store, "r2", "quick-2", approval="automatic"), None, exported)
    assert conclude(store, late, APPROVED, never).answer == "overtaken"


def test_a_rollback_meanwhile_overtakes_too(store):
    """The champion is another one than the candidate was compared with, though it was the champion before."""
    for number in (1, 2):
        ledger.append(store, champions.entry(number, f"quick-{number}"))
    made = decided(store, "r3", "quick-3", champion=2)
    rollback(store, DATASET, None, ADA)
    assert conclude(store, made, APPROVED, never).answer == "overtaken"


def test_a_newer_candidate_takes_the_place_of_the_one_that_waits(store):
    """A person who approves the older one too late learns that, and the newer one still waits."""
    older, newer = decided(store, "r1"), decided(store, "r2", "quick-2")
    assert conclude(store, older, APPROVED, never).answer == "superseded"
    assert conclude(store, newer, APPROVED, exported).answer == "promoted"


@pytest.mark.parametrize(
    "newer",
    [
        {"passed": False},
        {"approval": "never"},
        {"champion": 7},
        {"asked": "by-hand-1"},
        {"run": "quick-0"},
        {"when": "2020-11-29T10:00:00.000+00:00"},
    ],
    ids=[
        "refused",
        "never promoted",
        "judged against another champion",
        "by hand",
        "of an older run",
        "for longer than its rules say",
    ],
)
def test_what_does_not_wait_takes_no_place(store, newer):
    """Only a later run's candidate that may still become the champion does."""
    publish(store, "quick-0", "complete")
    older = decided(store, "r1")
    decided(store, **({"asked": "r2", "run": "quick-2"} | newer))
    assert conclude(store, older, APPROVED, exported).answer == "promoted"


def test_a_rejected_newer_candidate_leaves_the_place(store):
    """It was answered, so that it waits no more."""
    older, newer = decided(store, "r1"), decided(store, "r2", "quick-2")
    conclude(store, newer, Approval(answer="rejected"), never)
    assert conclude(store, older, APPROVED, exported).answer == "promoted"


def test_a_rollback_brings_the_champion_before_back(stores):
    """It is one more entry, with the model and the export of that one; another rollback goes one further."""
    for number in (1, 2, 3):
        ledger.append(stores, champions.entry(number, f"quick-{number}"))
    back = rollback(stores, DATASET, None, ADA)
    assert (back.number, back.kind, back.restores, back.decision) == (4, "rollback", 2, None)
    assert (back.model.run, back.export, back.who, back.why) == ("quick-2", "export-quick-2", "ada", "It is good.")
    assert ledger.present(stores, DATASET) == back
    assert rollback(stores, DATASET, None, ADA).model.run == "quick-1"
    assert [entry.model.run for entry in ledger.entries(stores, DATASET)] == [
        "quick-1", "quick-2", "quick-3", "quick-2", "quick-1",
    ]  # fmt: skip
    with pytest.raises(DataError, match="expected a champion before the present one, which is the first"):
        rollback(stores, DATASET, None, ADA)


def test_a_rollback_goes_to_any_number(store):
    """The number may be that of a rollback, and may lead forward again."""
    for number in (1, 2, 3):
        ledger.append(store, champions.entry(number, f"quick-{number}"))
    assert rollback(store, DATASET, 1, ADA).restores == 1
    assert rollback(store, DATASET, 3, ADA).model.run == "quick-3"
    assert rollback(store, DATASET, 4, ADA).restores == 1


@pytest.mark.parametrize("to", [2, 3])
def test_a_rollback_to_the_present_champion_is_refused(store, to):
    """By its own number, or by that of the rollback that brought it back."""
    for number in (1, 2):
        ledger.append(store, champions.entry(number, f"quick-{number}"))
    ledger.append(store, champions.entry(3, "quick-2", kind="rollback", restores=2))
    with pytest.raises(DataError, match=f"number {to} is the present champion"):
        rollback(store, DATASET, to, ADA)
    assert len(ledger.entries(store, DATASET)) == 3


def test_a_rollback_to_nothing_is_refused(store):
    """Without a champion, and beyond the numbers that there are."""
    with pytest.raises(RequestError, match="cifar10: expected a champion, found none"):
        rollback(store, DATASET, None, ADA)
    ledger.append(store, champions.entry(1))
    for to in (0, -1, 2):
        with pytest.raises(RequestError, match=f"expected a number from 1 to 1, received {to}"):
            rollback(store, DATASET, to, ADA)
