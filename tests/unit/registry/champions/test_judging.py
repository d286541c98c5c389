"""Judging from published reports: the sentences of a stranger's day, and what cannot be judged."""

import pytest

from tasks.errors import DataError, RequestError
from tasks.registry.champions.candidates import candidate_of, newest
from tasks.registry.champions.judging import Contest, judge
from tasks.settings.promotion import Promotion
from tests.support.champions import DATASET
from tests.support.published_runs import made, put, request

RULES = Promotion()


def publish(store, run: str, *, seed: int = 0, **options):
    """Publish a made-up run, and return its candidate."""
    put(store, *made(request(run).model_copy(update={"seed": seed}), **options))
    return candidate_of(store, run, DATASET)


def decided(store, candidate, champion=None, rules: Promotion = RULES):
    """The judgement of a candidate; nothing has to be measured."""
    found, keys = judge(store, Contest(candidate, champion, rules, 1), newest(store, DATASET), print)
    assert keys == {}
    return found


def test_the_first_model_passes_by_the_floor(store):
    """There is no champion, and it is better than the largest class."""
    found = decided(store, publish(store, "first"))
    assert found.passed
    assert found.sentence.startswith("Passed: the ANN of run first reaches ")
    assert found.sentence.endswith("There is no champion yet.")


def test_a_worse_candidate_is_refused(store):
    """Its sentence says by how much it is worse."""
    champion, candidate = publish(store, "good", accuracy=0.8), publish(store, "bad", accuracy=0.6)
    found = decided(store, candidate, champion)
    assert not found.passed
    assert found.sentence.startswith("Refused: the ANN of run bad is worse than the champion, the ANN of run good, by")


def test_an_equal_candidate_is_refused(store):
    """The same configuration under other seeds is not significantly better."""
    champion, candidate = publish(store, "one", accuracy=0.8), publish(store, "other", accuracy=0.8, seed=100)
    found = decided(store, candidate, champion)
    assert found.hurdles == ("lead",)
    assert found.lead.low < 0 < found.lead.high
    assert found.sentence.startswith(
        "Refused: the ANN of run other is not significantly better than the champion, the ANN of run one ("
    )


def test_a_better_candidate_with_a_ruined_class_is_refused(store):
    """It is better on the whole; the class is named."""
    champion, candidate = publish(store, "old", accuracy=0.6), publish(store, "new", accuracy=0.9, ruined=3)
    found = decided(store, candidate, champion)
    assert found.hurdles == ("classes",)
    assert found.sentence.startswith("Refused: class “cat” loses ")
    assert "although the ANN of run new is better than the champion, the ANN of run old, by " in found.sentence
    assert decided(store, candidate, champion, Promotion(max_class_drop=None)).passed


def test_reports_of_two_machines_are_named(store):
    """Where the rules compare costs. Another release of the same system is no other machine."""
    champion, candidate = publish(store, "old", accuracy=0.6), publish(store, "new", accuracy=0.9)
    rules, key = Promotion(max_cost_ratio=9.0), "reports/old/report.json"
    same = store.read(key)
    for name, value, is_said in ((b"system", b"Linux", False), (b"processor", b"x86-64, 4 cores", True)):
        known = b'"%b": "%b"' % (name, value)
        assert known in same
        store.write(key, same.replace(known, b'"%b": "another"' % name))
        found = decided(store, candidate, champion, rules)
        assert ("were made on different kinds of machines" in found.sentence) == is_said


def test_predictions_of_another_digest_are_not_believed(store):
    """A byte that was changed is named with its file."""
    candidate = publish(store, "run-1")
    (key,) = (key for key in store.list("reports/run-1/predictions/") if key.endswith("ann-seed-1.npz"))
    store.write(key, store.read(key)[:-1] + b"!")
    with pytest.raises(DataError, match=rf"{key}: expected SHA-256"):
        decided(store, candidate)


def test_a_model_that_its_report_does_not_have_is_not_judged(store):
    """A report that was deleted is named; so is one without this result."""
    candidate = publish(store, "run-1")
    with pytest.raises(DataError, match=r"run run-1: expected a result of ann on cifar10 at 99,999 parameters"):
        decided(store, candidate.model_copy(update={"budget": 99_999}))
    store.delete("reports/run-1/report.json")
    with pytest.raises(RequestError, match="expected a run with a"):
        decided(store, candidate)


def test_a_champion_of_other_classes_counts_as_none(store):
    """The floor decides then, and the sentence says why."""
    champion = publish(store, "old")
    report = store.read("reports/old/report.json").replace(b'"airplane"', b'"aeroplane"')
    store.write("reports/old/report.json", report)
    found = decided(store, publish(store, "new"), champion)
    assert found.passed
    assert found.lead is None
    assert "cannot classify the present test images: its classes were others (1 new, 1 gone)." in found.sentence
