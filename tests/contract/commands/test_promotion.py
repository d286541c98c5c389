"""`judge` and `promote` as the DAG `promote_champion` runs them, with the real gate on published reports."""

import pytest

from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.candidates import candidate_of
from tests.support import champions
from tests.support.champions import DATASET
from tests.support.published_runs import several

OF_DATASET = ("--dataset", DATASET)


def rules(tmp_path, line):
    """Let the configuration say this of promotions, in place of what it says."""
    path = tmp_path / "config" / "workflow.toml"
    key = line.partition(" ")[0]
    lines = [line if each.startswith(f"{key} =") else each for each in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    assert line in path.read_text()


def test_the_first_candidate_passes_by_the_floor_and_asks_nobody(typed, store):
    """`judge` ends with 0 and keeps the decision; a retry says the same and decides nothing again."""
    list(several(store, "quick-1"))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    made = decisions.decision(store, DATASET, "asked")
    assert (code, made.judgement.passed, made.approval, made.champion) == (0, True, "automatic", None)
    assert (made.judgement.looks, made.judgement.sentence in said) == (1, True)
    assert typed("judge", "--run", "asked", *OF_DATASET)[0] == 0
    assert decisions.decision(store, DATASET, "asked") == made


def test_a_better_candidate_waits_for_a_person(typed, store):
    """It is compared with the champion; `promote` without an answer is a mistake, and nothing is promoted."""
    list(several(store, "quick-1", accuracy=0.5))
    champion = champions.entry(1, model=candidate_of(store, "quick-1", DATASET))
    ledger.append(store, champion)
    list(several(store, "quick-2", accuracy=0.8))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    made = decisions.decision(store, DATASET, "asked")
    assert code == 0, said
    assert (made.champion, made.approval, made.candidate.run) == (1, "human", "quick-2")
    assert made.judgement.lead.low > 0
    code, said = typed("promote", "--run", "asked", *OF_DATASET)
    assert (code, "expected a person's approval" in said) == (64, True)
    assert ledger.present(store, DATASET) == champion


def test_a_worse_candidate_is_refused_once_and_for_all(typed, store):
    """`judge` ends with 99 and its sentence; the decision is kept, and another run of the DAG does not judge again."""
    list(several(store, "quick-1", accuracy=0.8))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    list(several(store, "quick-2", accuracy=0.5))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    made = decisions.decision(store, DATASET, "asked")
    assert (code, made.judgement.passed, made.judgement.sentence in said) == (99, False, True)
    code, said = typed("judge", "--run", "later", *OF_DATASET)
    assert (code, "decided already, by asked" in said) == (99, True)
    assert decisions.decision(store, DATASET, "later") is None
    code, said = typed("promote", "--run", "asked", *OF_DATASET, APPROVAL='{"answer": "approved"}')
    assert (code, "expected a candidate that passed the gate" in said) == (64, True)


def test_a_run_of_the_dag_has_no_name_for_what_is_asked_by_hand(typed, store):
    """Such a name would need nobody's approval."""
    list(several(store, "quick-1"))
    code, said = typed("judge", "--run", "by-hand-1", *OF_DATASET)
    assert (code, "expected a run whose name does not begin with by-hand-" in said) == (64, True)
    assert decisions.cases(store, DATASET) == []


def test_the_champion_is_not_judged(typed, store):
    """A later run that reused its trainings brings nothing new."""
    list(several(store, "quick-1"))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    list(several(store, "quick-2", trained_as="quick-1"))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    assert (code, "is the champion already, number 1" in said) == (99, True)


def test_a_rollback_is_undone_by_a_person_only(typed, store, monkeypatch):
    """`judge` ends with 99, also for a later run with the same models. By hand they become the champion again."""
    monkeypatch.setattr("tasks.registry.export.export", lambda *arguments: "e" * 40)
    list(several(store, "quick-1", accuracy=0.5))
    list(several(store, "quick-2", accuracy=0.8))
    for number, run in enumerate(("quick-1", "quick-2"), 1):
        ledger.append(store, champions.entry(number, model=candidate_of(store, run, DATASET)))
    assert typed("champion", "rollback", DATASET)[0] == 0
    list(several(store, "quick-3", accuracy=0.8, trained_as="quick-2"))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    assert (code, "parameters of run quick-3 was rolled back by " in said) == (99, True), said
    assert decisions.cases(store, DATASET) == []
    code, said = typed("champion", "promote", "quick-3")
    assert (code, "run quick-3 (250,000 parameters) is now champion 4 of cifar10" in said) == (0, True), said


def test_a_candidate_is_asked_about_once_at_a_time(typed, store):
    """While it waits for an answer, another run of the DAG ends with 99 and names the one that asks."""
    list(several(store, "quick-1", accuracy=0.5))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    list(several(store, "quick-2", accuracy=0.8))
    assert typed("judge", "--run", "asked", *OF_DATASET)[0] == 0
    list(several(store, "quick-3", accuracy=0.8, trained_as="quick-2"))
    code, said = typed("judge", "--run", "later", *OF_DATASET)
    assert (code, "run quick-2 waits for an answer already, asked by asked" in said) == (99, True), said
    assert typed("judge", "--run", "asked", *OF_DATASET)[0] == 0


def test_a_late_judge_takes_no_place_of_a_newer_candidate(typed, store):
    """Tried again after a newer candidate passed, the older one ends with 99, and is recorded as superseded."""
    list(several(store, "quick-1", accuracy=0.5))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    list(several(store, "quick-2", accuracy=0.7))
    assert typed("judge", "--run", "older", *OF_DATASET)[0] == 0
    list(several(store, "quick-3", accuracy=0.8))
    assert typed("judge", "--run", "newer", *OF_DATASET)[0] == 0
    code, said = typed("judge", "--run", "older", *OF_DATASET)
    assert (code, "was not promoted: a newer candidate took its place" in said) == (99, True), said
    assert decisions.answer(store, DATASET, "older").answer == "superseded"
    assert typed("judge", "--run", "newer", *OF_DATASET)[0] == 0


def test_where_nothing_is_ever_promoted_the_gate_still_decides(typed, store, tmp_path):
    """`approval = "never"`: the decision is kept and said, and ends with 99."""
    rules(tmp_path, 'approval = "never"')
    list(several(store, "quick-1"))
    code, said = typed("judge", "--run", "asked", *OF_DATASET)
    made = decisions.decision(store, DATASET, "asked")
    assert (code, made.judgement.passed, made.approval) == (99, True, "never")
    assert "`approval` is never" in said


@pytest.mark.parametrize(
    ("approval", "code", "expected"),
    [
        ('{"answer": "rejected", "by": "bob"}', 99, "was not promoted: bob rejected it"),
        ('{"answer": "unanswered"}', 99, "was not promoted: nobody approved it in time"),
        ('{"answer": "superseded"}', 99, "was not promoted: a newer candidate took its place"),
        ('{"answer": "perhaps"}', 64, "APPROVAL: answer: expected"),
        ("approved", 64, "APPROVAL: expected JSON, received 'approved'"),
        ("[]", 64, "APPROVAL: expected"),
    ],
)
def test_promote_does_as_the_approval_says(typed, store, approval, code, expected):
    """Whatever is not an approval promotes nothing, and says why; what is no answer at all is a mistake."""
    decisions.keep_decision(store, champions.decision("asked"))
    found, said = typed("promote", "--run", "asked", *OF_DATASET, APPROVAL=approval)
    assert (found, expected in said) == (code, True), said
    assert ledger.present(store, DATASET) is None


def test_promote_needs_a_decision(typed):
    """The error says which command makes one."""
    code, said = typed("promote", "--run", "asked", *OF_DATASET)
    assert (code, "found none; run `judge` first" in said) == (64, True)
