"""The gate: whom it lets pass, and what it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.comparison.gate import Cost, Evidence, Side, judgement
from tasks.comparison.schema.promotion import Floor, Judgement
from tasks.comparison.words.promotion import Words, title
from tasks.settings.promotion import Promotion
from tests.support.crossed_models import Cell, answers

CLASSES = ("cat", "dog", "frog", "ship")
EXAMPLES = 2000
LABELS = np.arange(EXAMPLES) % len(CLASSES)
ANY_CLASS = Promotion(max_class_drop=None)
BETTER, WORSE = (side[0] for side in answers(Cell(3, EXAMPLES, 0.8, 0.02, gap=0.04), 1, 1)[0])
EXACT = 1e-9


def judged(candidate, champion, rules: Promotion = ANY_CLASS, labels=LABELS, **words) -> Judgement:
    """The judgement of the hits of a candidate against those of a champion, or against a floor of 25 %."""
    sides = [side if isinstance(side, Side) or side is None else Side(side) for side in (candidate, champion)]
    known = {"fewest_seeds": 3, "candidate": title("cnn", "full-2"), "champion": title("ann", "full-1")}
    if champion is None and "absent" not in words:
        known["champion"] = None
    looks = words.pop("looks", 1)
    floor = Floor(majority=0.25, nearest_centroid=0.4)
    return judgement(Evidence(labels, CLASSES, *sides, floor, looks, Words(**(known | words))), rules)


@st.composite
def pairs(draw):
    """Two sides on the same examples, each with seeds of its own."""
    cell = Cell(5, 120, draw(st.sampled_from((0.5, 0.8, 0.95))), 0.1, gap=draw(st.sampled_from((0.0, 0.1, 0.3))))
    (first, second), _ = answers(cell, 1, draw(st.integers(0, 10_000)))
    sides = [side[0][: draw(st.integers(1, 5))] for side in (first, second)]
    return sides if draw(st.booleans()) else sides[::-1]


@given(pairs(), st.floats(0, 30))
@settings(max_examples=60)
def test_who_is_better_is_not_worse(pair, margin):
    """What passes as better passes as not worse by the same margin."""
    strict, lenient = (
        judged(*pair, Promotion(rule=rule, margin=margin, max_class_drop=None), labels=LABELS[:120])
        for rule in ("better", "not_worse")
    )
    assert lenient.passed or not strict.passed


@given(pairs(), st.floats(0, 30), st.floats(0, 30))
@settings(max_examples=60)
def test_a_larger_margin_asks_for_more_of_the_better_and_for_less_of_the_not_worse(pair, one, other):
    """With a larger margin nobody passes as better who did not before, and nobody is refused as worse who was not."""
    less, more = sorted((one, other))
    for rule, first, second in (("better", more, less), ("not_worse", less, more)):
        rules = [Promotion(rule=rule, margin=margin, max_class_drop=None) for margin in (first, second)]
        hard, easy = (judged(*pair, each, labels=LABELS[:120]) for each in rules)
        assert easy.passed or not hard.passed


@given(pairs(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_no_order_counts(pair, random):
    """Neither that of the examples nor that of the seeds."""
    candidate, champion = pair
    examples = random.sample(range(120), 120)
    moved = [side[random.sample(range(len(side)), len(side))][:, examples] for side in (candidate, champion)]
    before = judged(candidate, champion, Promotion(max_class_drop=1.0), labels=LABELS[:120])
    after = judged(*moved, Promotion(max_class_drop=1.0), labels=LABELS[:120][examples])
    assert after.passed == before.passed
    assert after.lead.low == pytest.approx(before.lead.low, abs=EXACT)
    assert [each.name for each in after.lost_classes] == [each.name for each in before.lost_classes]


@given(pairs(), st.floats(0, 30))
@settings(max_examples=40)
def test_a_copy_of_the_champion_is_never_better(pair, margin):
    """A candidate that answers like the champion, bit by bit, does not replace it."""
    found = judged(pair[0], pair[0], Promotion(margin=margin, max_class_drop=None), labels=LABELS[:120])
    assert not found.passed
    assert found.lead.estimate == 0


def test_a_better_candidate_passes():
    """The sentence has the lead with its interval."""
    assert judged(BETTER, WORSE, Promotion(max_class_drop=20.0)).sentence == (
        "Passed: the CNN of run full-2 is better than the champion, the ANN of run full-1, by 4.0 points "
        f"(95 % interval {100 * judged(BETTER, WORSE).lead.low:.1f} to {100 * judged(BETTER, WORSE).lead.high:.1f})."
    )


def test_each_side_may_have_seeds_of_its_own():
    """A candidate of two seeds beside a champion of three."""
    assert judged(BETTER[:2], WORSE).passed


def test_one_seed_a_side_promotes_nobody():
    """Nothing tells then how much another training would differ; with several seeds on one side, something does."""
    refused = judged(BETTER[:1], WORSE[:1], fewest_seeds=1)
    assert refused.hurdles == ("seeds",)
    assert refused.sentence.startswith(
        "Refused: candidate and champion have one seed each, so nobody knows how much another training would differ, "
        "although the CNN of run full-2 is better"
    )
    assert judged(BETTER[:1], None, fewest_seeds=1).passed
    assert judged(BETTER[:1], WORSE, fewest_seeds=1).passed


@pytest.mark.parametrize(
    ("pair", "rules", "said"),
    [
        ((WORSE, BETTER), {}, "Refused: the CNN of run full-2 is worse than the champion, the ANN of run full-1, by"),
        ((BETTER, BETTER), {}, "Refused: the CNN of run full-2 is not significantly better than the champion"),
        ((BETTER, WORSE), {"margin": 4.0}, "), but the rules ask for significantly more than 4.0 points."),
        ((WORSE, BETTER), {"rule": "not_worse", "margin": 1.0}, ": a loss of more than 1.0 points is not ruled out."),
        ((WORSE, BETTER), {"rule": "not_worse", "margin": 9.0}, ": a loss of more than 9.0 points is ruled out."),
        (
            (BETTER, BETTER),
            {"rule": "not_worse", "margin": 9.0},
            "Passed: the CNN of run full-2 does not differ significantly",
        ),
    ],
)
def test_every_outcome_of_the_lead_has_its_sentence(pair, rules, said):
    """Better, worse, noise, and a margin that is or is not met."""
    assert said in judged(*pair, Promotion(max_class_drop=None, **rules)).sentence


def test_a_ruined_class_refuses_a_better_candidate():
    """The class is named, with what it lost; the sentence also says that the candidate is better."""
    labels = np.where(np.arange(EXAMPLES) % 20, 0, 1)
    ruined = np.ones_like(BETTER)
    ruined[:, labels == 1] = False
    found = judged(ruined, WORSE, Promotion(), labels)
    assert found.hurdles == ("classes",)
    assert [each.name for each in found.lost_classes] == ["dog"]
    assert found.sentence.startswith("Refused: class “dog” loses ")
    assert " points of recall (simultaneous 95 % interval " in found.sentence
    assert (
        "), significantly more than the 5.0 points that the rules allow, although the CNN of run full-2 is better"
        in found.sentence
    )
    assert judged(ruined, WORSE, ANY_CLASS, labels).passed


def test_classes_without_test_examples_are_passed_over():
    """A test part need not have every class."""
    few = np.where(LABELS == 3, 0, LABELS)
    assert judged(BETTER, WORSE, Promotion(max_class_drop=20.0), labels=few).passed


@pytest.mark.parametrize(
    ("cost", "candidate", "champion", "ratio"),
    [
        ("prediction", Cost(3e-3, 1e-5, 1.0), Cost(1e-3, 1e-5, 9.0), 3.0),
        ("prediction", Cost(None, 4e-5, 1.0), Cost(1e-3, 1e-5, 9.0), 4.0),
        ("training", Cost(3e-3, 1e-5, 18.0), Cost(1e-3, 1e-5, 9.0), 2.0),
        ("training", Cost(3e-3, 1e-5, None), Cost(1e-3, 1e-5, 9.0), None),
    ],
)
def test_costs_are_compared_that_were_measured_in_the_same_way(cost, candidate, champion, ratio):
    """A prediction alone with one alone, else one of a batch with one of a batch; nothing where one is not known."""
    rules = Promotion(cost=cost, max_cost_ratio=1.5, max_class_drop=None)
    found = judged(Side(BETTER, candidate), Side(WORSE, champion), rules)
    assert found.cost_ratio == pytest.approx(ratio)
    assert found.passed == (ratio is None)
    said = (
        f"The time of a {cost} is not known for both models, so it was not compared."
        if ratio is None
        else "and the rules allow 1.5 times, although"
    )
    assert said in found.sentence


@pytest.mark.parametrize(
    ("rules", "training", "is_said"),
    [
        ({"max_cost_ratio": 3.0}, 9.0, True),
        ({"max_cost_ratio": 1.5}, 9.0, True),
        ({"max_cost_ratio": 3.0}, None, False),
        ({}, 9.0, False),
    ],
    ids=["cheap enough", "too dear", "not known", "no rule about it"],
)
def test_costs_of_two_machines_are_not_compared_in_silence(rules, training, is_said):
    """A reader learns it wherever the rules name a cost and both are known."""
    rules = Promotion(cost="training", max_class_drop=None, **rules)
    sides = Side(BETTER, Cost(training=18.0)), Side(WORSE, Cost(training=training))
    said = "The two reports were made on different kinds of machines, so their times may not be comparable."
    assert (said in judged(*sides, rules, is_elsewhere=True).sentence) == is_said
    assert said not in judged(*sides, rules).sentence


def test_the_first_candidate_must_beat_the_floor():
    """Significantly more than the largest class and the nearest centroid; the sentence names what is not exceeded."""
    passed, refused = judged(BETTER, None), judged(LABELS[None] == 0, None)
    assert passed.passed
    assert passed.sentence.endswith(
        "significantly more than always answering the largest class (25.0 %) and the nearest centroid (40.0 %). "
        "There is no champion yet."
    )
    assert ", not significantly more than always answering the largest class (25.0 %)" in refused.sentence


def test_a_champion_that_cannot_answer_is_no_champion():
    """The sentence says why."""
    found = judged(BETTER, None, absent="its classes had another order")
    assert found.floor
    assert found.sentence.endswith(
        "The champion, the ANN of run full-1, cannot classify the present test images: its classes had another order. "
        "So the candidate is judged like a first one."
    )


def test_what_a_reader_must_know_is_said():
    """One seed, a sample, and how often this test part was looked at."""
    said = judged(BETTER, WORSE, fewest_seeds=1, is_sample=True, looks=4).sentence
    assert "One seed cannot tell" in said
    assert "This was measured on a sample of 2,000 test images." in said
    assert said.endswith("4 candidates were judged on this test part so far, this one included.")


@pytest.mark.parametrize(
    "forged",
    [
        {"passed": False},
        {"sentence": "Refused: it is worse."},
        {"lead": None},
        {"floor": Floor(majority=0.1)},
        {"accuracy": 0.1},
        {"lost_classes": [{"name": "cat", "support": 9, "estimate": 0, "low": -0.1, "high": 0.1, "p_value": 1.0}]},
        {"lead": {"estimate": 0.04, "low": 0.05, "high": 0.06}},
        {"rules": {"margin": 50.0}},
    ],
)
def test_a_judgement_that_contradicts_itself_is_refused(forged):
    """What was found, what was decided and what is said agree."""
    whole = judged(BETTER, WORSE, Promotion(max_class_drop=20.0))
    assert Judgement.model_validate_json(whole.model_dump_json()) == whole
    with pytest.raises(ValueError, match="expected"):
        Judgement.model_validate(whole.model_dump() | forged)
