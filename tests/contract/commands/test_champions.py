"""`judge`, `promote` and `champion` as somebody types them, with the real gate on published reports."""

import pytest

from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.candidates import candidate_of
from tests.support import champions, synthetic
from tests.support.champions import DATASET
from tests.support.published_runs import made, put, several
from tests.support.stage_commands import speaking
from tests.support.tiny_data import make_configuration

OF_DATASET = ("--dataset", DATASET)


@pytest.fixture
def typed(tmp_path, caplog, capsys):
    """Types a command; its exit code, and all that it said."""
    environment = {
        "STORE": (tmp_path / "store").as_uri(),
        "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
        "APPROVAL": "",
    }
    type_in = speaking(environment, caplog)

    def typed(*arguments, **changes):
        said = type_in(*arguments, **changes)
        return said.code, said.output + capsys.readouterr().out

    return typed


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


def test_a_candidate_that_the_gate_refuses_needs_a_reason_by_hand(typed, store):
    """It ends with 65 and says how to insist; insisting without a reason is refused before anything is judged."""
    list(several(store, "quick-1", accuracy=0.8))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    list(several(store, "quick-2", accuracy=0.5))
    code, said = typed("champion", "promote", "quick-2")
    assert (code, "to insist, add: --anyway --why TEXT" in said) == (65, True), said
    (case,) = decisions.cases(store, DATASET)
    assert case.decision.asked.startswith("by-hand-")
    code, said = typed("champion", "promote", "latest", "--anyway")
    assert (code, "expected the reason beside it" in said) == (64, True)
    code, said = typed("champion", "promote", "quick-2", "--anyway", "--why", "a\x1b[31m")
    assert (code, "--why: expected visible characters" in said) == (64, True)
    assert len(decisions.cases(store, DATASET)) == 1


def test_by_hand_every_dataset_of_a_run_is_judged(typed, store):
    """A champion that stays, and a candidate that is refused, keep no other dataset from its turn."""
    both = (synthetic.dataset(DATASET), synthetic.dataset("mnist", "MNIST"))
    for run, accuracy in (("quick-1", 0.8), ("quick-2", 0.5)):
        put(store, *made(synthetic.request(datasets=both).model_copy(update={"run": run}), accuracy=accuracy))
    for run, dataset in (("quick-2", DATASET), ("quick-1", "mnist")):
        ledger.append(store, champions.entry(1, model=candidate_of(store, run, dataset)))
    code, said = typed("champion", "promote", "latest")
    assert code == 65
    assert "parameters of run quick-2 is the champion already, number 1" in said
    assert "mnist: Refused: the ANN of run quick-2 is worse than the champion" in said
    assert "mnist: the gate refuses run quick-2; to insist, add: --anyway --why TEXT" in said
    code, said = typed("champion", "promote", "latest", "--anyway", "--why", "It is faster.")
    assert (code, "--anyway: expected one dataset, run quick-2 has 2; add --dataset cifar10" in said) == (64, True)


def test_by_hand_an_older_run_can_be_named_and_the_champion_cannot(typed, store, tmp_path):
    """What there is not is named, too."""
    list(several(store, "quick-1"))
    ledger.append(store, champions.entry(1, model=candidate_of(store, "quick-1", DATASET)))
    assert typed("champion", "promote", "quick-1")[0] == 99
    for arguments, expected in (
        (("promote", "quick-9"), "expected a run with a report"),
        (("promote", "quick-1", "--dataset", "mnist"), "expected a result for mnist"),
        (("rollback", "mnist"), "mnist: expected a champion, found none; datasets with one: cifar10"),
        (("download", "mnist"), "mnist: expected a champion, found none; datasets with one: cifar10"),
        (("rollback", "../mnist"), "expected the name of a dataset"),
    ):
        code, said = typed("champion", *arguments)
        assert (code, expected in said) == (64, True), said
    code, said = typed("champion", "download", DATASET, str(tmp_path / "champion"))
    assert (code, "expected the artifact train/seed-0" in said) == (65, True), said


def test_a_damaged_ledger_of_another_dataset_hides_no_mistake(typed, store):
    """The datasets with a champion are listed by their names, and nothing of them is read."""
    store.write(f"champions/{DATASET}/0001.json", b"{")
    decisions.keep_decision(store, champions.decision("r1", candidate=champions.model(dataset="asked_only")))
    code, said = typed("champion", "rollback", "mnist")
    assert (code, "mnist: expected a champion, found none; datasets with one: cifar10;" in said) == (64, True), said


def test_show_history_and_rollback_tell_the_same_story(typed, store):
    """Of one dataset or of all; a rollback is refused where there is nothing to go back to."""
    assert "no dataset has a champion" in typed("champion", "show")[1]
    ledger.append(store, champions.entry(1))
    assert typed("champion", "rollback", DATASET)[0] == 65
    ledger.append(store, champions.entry(2, "quick-2"))
    code, said = typed("champion", "rollback", DATASET, "--why", "It was too slow.")
    assert (code, "cifar10: number 3 brings number 1 back, the cnn at 250,000 parameters of run quick-1" in said) == (
        0, True,
    )  # fmt: skip
    assert "cifar10: cnn 250,000, of run quick-1" in typed("champion", "show")[1]
    assert "back to number 1: It was too slow." in typed("champion", "history", DATASET)[1]
    assert "no champion yet" in typed("champion", "show", "mnist")[1]


def test_a_damaged_ledger_ends_with_65(typed, store):
    """Every command that reads it names the document."""
    store.write(f"champions/{DATASET}/0001.json", b"{")
    for arguments in (("show",), ("history",), ("rollback", DATASET)):
        code, said = typed("champion", *arguments)
        assert (code, "0001.json: expected an entry of the ledger" in said) == (65, True), said
