"""What became of results between two runs: what is the same model, what is tested, and how."""

import io

import numpy as np
import pytest

from tasks.comparison.between.shifts import shifts
from tasks.comparison.words.since import outcome, results
from tests.support import published_runs


def run(name="run-1", asked=None, **options):
    return published_runs.made(asked or published_runs.request(name), **options)


def reading(files):
    """The hits of a model from the files of its run."""

    def hits(model):
        arrays = [np.load(io.BytesIO(files[each.predictions])) for each in model.replicates]
        return np.stack([array["y_true"] == array["y_pred"] for array in arrays])

    return hits


def moved(before, after):
    (old, its), (new, others) = before, after
    return shifts(old, new, reading(its), reading(others))


def test_the_same_artifacts_are_the_same_models_and_nothing_is_read():
    """Two runs that share every training differ by exactly 0, and their predictions are not even looked at."""
    before, after = run("run-1")[0], run("run-2", trained_as="run-1")[0]
    found = shifts(before, after, pytest.fail, pytest.fail)
    assert [(each.relation, each.estimate, each.p_value) for each in found] == [("same models", 0.0, None)] * 2
    assert results(found) == ["every model is the same"]


def test_more_seeds_of_one_training_are_no_change_of_it():
    """Where the seeds of both are the same models, others add to them: no difference is tested."""
    more = published_runs.request("run-2", replicates=5)
    found = moved(run("run-1"), run(asked=more, trained_as="run-1"))
    assert {each.relation for each in found} == {"same training"}
    assert {outcome(each) for each in found} == {"the same training under 2 more seeds"}
    assert all(each.estimate == each.after - each.before for each in found)


def test_other_models_on_the_same_test_part_are_paired():
    """Trained again with the same accuracy: no difference exceeds the noise."""
    found = moved(run("run-1"), run("run-2"))
    assert {each.relation for each in found} == {"same test part"}
    assert {outcome(each) for each in found} == {"within the noise"}


def test_a_great_difference_exceeds_the_noise():
    """With its direction, and an interval around the difference of the two means."""
    found = moved(run("run-1", accuracy=0.5), run("run-2", accuracy=0.7))
    for each in found:
        assert each.exceeds_noise
        assert each.low < each.estimate < each.high
        assert each.estimate == pytest.approx(each.after - each.before)
        assert outcome(each).startswith("better by ")
    assert outcome(moved(run("run-1", accuracy=0.7), run("run-2", accuracy=0.5))[0]).startswith("worse by ")


@pytest.mark.parametrize("test_part", ["t" * 40, None])
@pytest.mark.parametrize(("seeds_before", "seeds"), [(1, 1), (1, 3), (3, 1)])
def test_one_seed_cannot_tell(seeds_before, seeds, test_part):
    """One training does not show how much trainings differ: nothing is tested, and the words say why."""
    before, after = (
        run(asked=published_runs.request(name, replicates=number), accuracy=accuracy, test_part=test_part)
        for name, number, accuracy in (("run-1", seeds_before, 0.5), ("run-2", seeds, 0.7))
    )
    for each in moved(before, after):
        assert (each.low, each.p_value, each.exceeds_noise) == (None, None, None)
        assert each.estimate == pytest.approx(each.after - each.before)
        assert outcome(each) == "one seed cannot tell"


def test_one_test_example_is_no_obstacle():
    """Nothing exceeds the noise of so small a test part, and no number is NaN."""
    (before, its), (after, others) = run("run-1"), run("run-2")

    def first(files):
        return lambda model: reading(files)(model)[:, :1]

    found = shifts(before, after, first(its), first(others))
    assert [each.exceeds_noise for each in found] == [False, False]


def test_another_test_part_is_not_paired():
    """The interval is that of two samples, which is wider; so are models that are the same on other examples."""
    before, after = run("run-1"), run("run-2", accuracy=0.71)
    other = run("run-2", accuracy=0.71, test_part="u" * 40)
    paired, unpaired = moved(before, after), moved(before, other)
    assert {each.relation for each in unpaired} == {"other test part"}
    assert all(wide.high - wide.low > narrow.high - narrow.low for wide, narrow in zip(unpaired, paired, strict=True))
    again = moved(before, run("run-2", trained_as="run-1", test_part="u" * 40))
    assert {each.relation for each in again} == {"other test part"}


def test_an_unknown_test_part_is_not_taken_for_the_same():
    """Reports that do not say which test part they used are compared as two samples."""
    found = moved(run("run-1", test_part=None), run("run-2", test_part=None))
    assert {each.relation for each in found} == {"unknown test part"}


def test_p_values_are_adjusted_for_all_that_is_tested():
    """Holm over the run's tested results: none is below its own, and the smallest is multiplied by their number."""
    found = moved(run("run-1"), run("run-2", accuracy=0.69))
    assert all(each.p_value >= each.p_value_unadjusted for each in found)
    smallest = min(found, key=lambda each: each.p_value_unadjusted)
    assert smallest.p_value == pytest.approx(min(1.0, 2 * smallest.p_value_unadjusted))


def test_a_family_without_a_result_is_said_to_have_none():
    """Neither run's gap is a number; what is there is named."""
    (before, its), after = run("run-1"), run("run-2")
    dataset = before.datasets[0]
    lost = dataset.models[1].model_copy(update={"status": "failed", "error": "no memory", "accuracy": None})
    gap = before.model_copy(update={"datasets": (dataset.model_copy(update={"models": (dataset.models[0], lost)}),)})
    ann, cnn = moved((gap, its), after)
    assert (ann.relation, cnn.relation) == ("same test part", "no result")
    assert outcome(cnn).endswith("and had no result before")
    assert outcome(moved(after, (gap, its))[1]).startswith("has no result after ")


def test_a_changed_budget_is_compared_all_the_same():
    """A run has one budget for a dataset: models of another size answer the same question."""
    before, its = run("run-1")
    other = before.model_copy(update={"datasets": (before.datasets[0].model_copy(update={"budget": 30_000}),)})
    assert [each.budget for each in moved((other, its), run("run-2"))] == [250_000] * 2


def with_models(comparison, **changes):
    """The comparison, with these fields of its datasets, and of their models for a field of a model."""
    parts = []
    for part in comparison.datasets:
        models = tuple(m.model_copy(update={k: v for k, v in changes.items() if k != "classes"}) for m in part.models)
        parts.append(part.model_copy(update={"models": models, "classes": changes.get("classes", part.classes)}))
    return comparison.model_copy(update={"datasets": tuple(parts)})


def test_other_classes_are_another_task():
    """No number of one is compared with the other's, and the sentence says why."""
    (before, its), after = run("run-1"), run("run-2")
    found = moved((with_models(before, classes=("cat", "dog")), its), after)
    assert {(each.relation, each.estimate, each.p_value) for each in found} == {("other classes", None, None)}
    assert {outcome(each) for each in found} == {"not compared, as the classes are others"}
