"""From a published report to the model that is meant."""

import pytest

from tasks.errors import DataError, RequestError
from tasks.registry.champions.candidates import candidate_of, datasets_of, named, newest, same_models
from tests.support import synthetic
from tests.support.published_runs import made, put, request, several


def changed(report, **families):
    """The report, in which the seeds of each family have these validation accuracies."""
    models = [
        model.model_copy(
            update={
                "replicates": tuple(
                    each.model_copy(update={"val_accuracy": value})
                    for each, value in zip(model.replicates, families[model.family], strict=True)
                )
            }
        )
        for model in report.datasets[0].models
    ]
    return report.model_copy(update={"datasets": (report.datasets[0].model_copy(update={"models": tuple(models)}),)})


def published(store, run="quick-1", **families):
    """Publish a run whose families have these validation accuracies."""
    report, files = made(request(run))
    put(store, changed(report, **families), files)


def test_the_candidate_is_the_best_family_by_the_validation_part(store):
    """The test part chooses nothing: the ANN is worse on it, and is the candidate."""
    published(store, ann=(0.9, 0.7, 0.8), cnn=(0.79, 0.79, 0.79))
    found = candidate_of(store, "quick-1", "cifar10")
    assert (found.run, found.dataset, found.family, found.budget) == ("quick-1", "cifar10", "ann", 250_000)
    assert (found.seeds, found.replicate) == ((0, 1, 2), 0)
    assert found.artifacts.keys() == {"normalize", "evaluate", "train/seed-0", "train/seed-1", "train/seed-2"}


def test_the_first_of_equals_is_the_candidate(store):
    """So two readers name the same model, and the same replicate."""
    published(store, ann=(0.8, 0.8, 0.8), cnn=(0.8, 0.8, 0.8))
    found = candidate_of(store, "quick-1", "cifar10")
    assert (found.family, found.replicate) == ("ann", 0)


def test_a_family_with_an_unknown_score_comes_after_all_others(store):
    """A training that diverged has no score, and wins nothing by that."""
    published(store, ann=(None, 0.99, 0.99), cnn=(0.1, 0.2, 0.1))
    assert candidate_of(store, "quick-1", "cifar10").family == "cnn"
    assert named(store, "quick-1", "cifar10", "ann").replicate == 1


def test_a_family_may_be_named(store):
    """RUN/FAMILY is a model, whichever is the best."""
    published(store, ann=(0.9, 0.7, 0.8), cnn=(0.1, 0.3, 0.2))
    assert named(store, "quick-1", "cifar10", "cnn").replicate == 1
    assert named(store, "quick-1", "cifar10", "cnn", 250_000) == named(store, "quick-1", "cifar10", "cnn")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("quick-1", "mnist", "cnn"), "expected a result for mnist, cnn; it has cifar10 ann 250,000, cifar10 cnn"),
        (("quick-1", "cifar10", "mixer"), "expected a result for cifar10, mixer"),
        (("quick-1", "cifar10", "cnn", 9_000), "expected a result for cifar10, cnn, 9,000 parameters"),
        (("quick-2", "cifar10", "cnn"), "run quick-2: expected a run with a report"),
    ],
)
def test_what_there_is_not_is_named(store, arguments, expected):
    """The error says what was looked for, and what the run has."""
    list(several(store, "quick-1"))
    with pytest.raises(RequestError, match=expected):
        named(store, *arguments)


def test_the_best_of_several_budgets_is_the_candidate(store):
    """A run over budgets has one candidate for each dataset."""
    asked = request("quick-1").model_copy(update={"budgets": (100_000, 400_000)})
    report, files = made(asked)
    put(store, report, files)
    scores = {
        section.budget: model.replicates[0].val_accuracy
        for section in report.datasets
        for model in section.models
        if model.family == "cnn"
    }
    assert candidate_of(store, "quick-1", "cifar10").budget in scores
    assert named(store, "quick-1", "cifar10", "cnn", 400_000).budget == 400_000


def test_a_report_that_does_not_say_enough_is_refused(store):
    """An early release did not say which test part it used."""
    list(several(store, "quick-1", test_part=None))
    with pytest.raises(DataError, match="expected a digest of its test part, found none in its report; run it again"):
        candidate_of(store, "quick-1", "cifar10")


def test_the_newest_run_with_a_result_counts(store):
    """A later run without a result for the dataset, and a later report that cannot be read, are passed over."""
    list(several(store, "quick-1", "quick-2"))
    other = synthetic.request(datasets=(synthetic.dataset("mnist", "MNIST"),)).model_copy(update={"run": "other"})
    put(store, *made(other))
    list(several(store, "quick-3"))
    store.write("reports/quick-3/report.json", b"{}")
    assert newest(store, "cifar10") == candidate_of(store, "quick-2", "cifar10")
    assert newest(store, "mnist").run == "other"
    with pytest.raises(RequestError, match="expected a run with a result for flowers, found none"):
        newest(store, "flowers")


def test_a_run_that_reused_the_trainings_has_the_same_models(store):
    """So it is no candidate against itself."""
    list(several(store, "quick-1"))
    list(several(store, "quick-2", trained_as="quick-1"))
    list(several(store, "quick-3"))
    first, again, other = (candidate_of(store, f"quick-{number}", "cifar10") for number in (1, 2, 3))
    assert same_models(first, again)
    assert not same_models(first, other)


def test_a_run_has_the_datasets_of_its_results(store):
    """By name; a run without a result has none, and that is an error."""
    list(several(store, "quick-1"))
    assert datasets_of(store, "quick-1") == ["cifar10"]
    both = (synthetic.dataset(), synthetic.dataset("mnist", "MNIST"))
    put(store, *made(synthetic.request(datasets=both).model_copy(update={"run": "both"})))
    assert datasets_of(store, "both") == ["cifar10", "mnist"]
    with pytest.raises(RequestError, match="expected a run with a report"):
        datasets_of(store, "gone")
