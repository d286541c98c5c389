"""What is handed over of a run, whatever it has and lacks."""

from dataclasses import replace

from tasks.comparison.assembly import compare
from tasks.registry.handover.content import content
from tests.support import synthetic


def _content(request, branches):
    facts, records = synthetic.facts(request), synthetic.records(request)
    return content(compare(request, branches, records, facts, synthetic.ENVIRONMENT))


def test_a_family_that_failed_is_there_with_its_reason():
    """It has no seeds and no numbers, and the other one has its own."""
    request = synthetic.request()
    ann, cnn = synthetic.everything(request)
    failed = replace(cnn, status="failed", error="train: no memory", replicates=())
    first, second = _content(request, [ann, failed]).branches
    assert (first.error, len(first.seeds)) == (None, 3)
    assert (second.error, second.seeds, second.numbers) == ("train: no memory", (), {})


def test_every_part_has_a_place_of_its_own():
    """Datasets, budgets, families and seeds together name it, so that no two runs of MLflow share a name."""
    request = synthetic.request((synthetic.dataset(), synthetic.dataset("other", "Other")), budgets=(50_000, 250_000))
    branches = _content(request, synthetic.everything(request)).branches
    places = [place for branch in branches for place in (branch.place, *(seed.place for seed in branch.seeds))]
    assert len({*places}) == len(places) == 8 + 24


def test_a_seed_knows_its_epochs_in_their_order():
    """Each with its numbers, and the seconds that the training took until then."""
    request = synthetic.request()
    seed = _content(request, synthetic.everything(request)).branches[0].seeds[0]
    assert [(each.epoch, each.after) for each in seed.moments] == [(n, 10.0 * n) for n in range(1, 7)]
    assert "epoch/val_accuracy" in seed.moments[0].numbers
    assert seed.parameters["seed"] == 0
