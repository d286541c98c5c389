"""`champion` as somebody types it, with the real gate on published reports."""

from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.candidates import candidate_of
from tests.support import champions, synthetic
from tests.support.champions import DATASET
from tests.support.published_runs import made, put, several


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
