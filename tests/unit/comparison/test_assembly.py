"""The promises of `tasks.comparison.assembly` and `tasks.comparison.pairing`."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.comparison.schema.differences import conclusion
from tests.support import synthetic

TWO = (synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000))


def _compared(request, branches):
    return compare(request, branches, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)


def test_a_clear_difference_is_said_with_its_size():
    """The verdict names the data set, the size, the better family, the interval, the seeds and the cost."""
    request = synthetic.request()
    comparison = _compared(request, synthetic.everything(request, examples=2000))
    (dataset,) = comparison.datasets
    difference = dataset.differences[0]
    assert comparison.status == "complete"
    assert difference.conclusion == "better"
    assert difference.low < difference.estimate < difference.high
    assert dataset.verdict.startswith("On CIFAR-10 at 250,000 parameters the CNN is better than the ANN by ")
    assert "3 seeds, p < 0.001). Each point of accuracy that the CNN gains costs " in dataset.verdict
    assert "training it takes 6.0 times as much CPU time (95 % interval 5.5 to 6.6)" in dataset.verdict


def test_the_difference_is_the_mean_of_the_paired_ones():
    """The estimate is the mean accuracy of the one minus that of the other, and each seed's cells add up."""
    request = synthetic.request()
    comparison = _compared(request, synthetic.everything(request))
    (dataset,) = comparison.datasets
    ann, cnn = dataset.models
    assert dataset.differences[0].estimate == pytest.approx(cnn.accuracy - ann.accuracy)
    for test in dataset.differences[0].seeds:
        assert test.both_right + test.only_family + test.only_reference + test.both_wrong == 400
        assert test.estimate == pytest.approx((test.only_family - test.only_reference) / 400)


def test_models_alike_have_no_detectable_difference():
    """Families of the same accuracy are not declared better or worse, nor equal where the evidence is thin."""
    request = synthetic.request()
    branches = [synthetic.branch(request, request.datasets[0], family, accuracy=0.6) for family in ("ann", "cnn")]
    (dataset,) = _compared(request, branches).datasets
    assert dataset.differences[0].conclusion == "undecided"
    assert "it is undecided whether the CNN or the ANN is better" in dataset.verdict


@pytest.mark.parametrize(
    ("low", "high", "detected", "expected"),
    [
        (0.01, 0.2, True, "better"), (-0.2, -0.01, True, "worse"), (0.001, 0.004, True, "equal"),
        (-0.005, 0.005, False, "equal"), (-0.004, 0.02, False, "better or equal"),
        (0.01, 0.2, False, "better or equal"), (-0.02, 0.004, False, "worse or equal"),
        (-0.02, 0.02, False, "undecided"),
    ],
)  # fmt: skip
def test_the_interval_and_the_p_value_decide(low, high, detected, expected):
    """Within half a point is equal; else what is detected has a sign, and what is not may still rule something out."""
    assert conclusion(low, high, 0.005, detected=detected) == expected


def test_a_failed_branch_is_a_row_with_its_reason():
    """The other branches are reported, the gap is named in the row and in the verdict, its trials are kept."""
    request = synthetic.request(TWO)
    branches = synthetic.everything(request)
    branches[3] = Branch(
        "fashion_mnist", "cnn", "failed", "train, seed 1: out of memory", searches=branches[3].searches
    )
    comparison = _compared(request, branches)
    whole, gap = comparison.datasets
    assert comparison.status == "partial"
    assert whole.differences
    assert not gap.differences
    assert (gap.models[1].status, gap.models[1].accuracy, len(gap.models[1].trials)) == ("failed", None, 3)
    assert "The CNN has no result: train, seed 1: out of memory." in gap.verdict


def test_a_reason_that_branches_share_is_said_once():
    """A failed fetch leaves every family without a result: one sentence names them all, with the reason once."""
    request = synthetic.request(families=("ann", "cnn", "mixer"))
    why = "fetch: DataError: m/a.bin: expected the file, found none"
    lost = [Branch("cifar10", family, "failed", why) for family in ("ann", "cnn")]
    branches = [*lost, synthetic.branch(request, request.datasets[0], "mixer")]
    verdict = _compared(request, branches).datasets[0].verdict
    assert f"The ANN and the CNN have no result: {why}." in verdict
    assert verdict.count(why) == 1


def test_what_nobody_mentions_is_missing():
    """With no branch at all, every family that was asked for has its row."""
    request = synthetic.request(TWO)
    comparison = compare(request, [], [], {}, synthetic.ENVIRONMENT)
    assert [[model.status for model in dataset.models] for dataset in comparison.datasets] == [["missing"] * 2] * 2
    assert "there is no result" in comparison.datasets[0].verdict


def test_every_family_is_measured_against_the_same_one():
    """A third family adds a difference to the reference, and a sentence to the verdict."""
    request = synthetic.request(families=("ann", "cnn", "mixer"))
    (dataset,) = _compared(request, synthetic.everything(request, examples=2000)).datasets
    assert [(d.family, d.reference) for d in dataset.differences] == [("cnn", "ann"), ("mixer", "ann")]
    assert "; mixer is better than the ANN by" in dataset.verdict


def test_a_run_without_the_usual_reference_takes_its_first_family():
    """Families other than ann are compared with the first of them."""
    request = synthetic.request(families=("cnn", "mixer"))
    (dataset,) = _compared(request, synthetic.everything(request)).datasets
    assert [(d.family, d.reference) for d in dataset.differences] == [("mixer", "cnn")]


def test_one_replicate_has_no_deviation():
    """With one seed the standard deviation is unknown, not zero, and the interval is of the examples."""
    request = synthetic.request(replicates=1)
    (dataset,) = _compared(request, synthetic.everything(request)).datasets
    assert dataset.models[0].spread["accuracy"].std is None
    assert dataset.differences[0].low < dataset.differences[0].high


def test_models_measured_on_different_examples_are_not_compared():
    """Labels that differ make pairing impossible: no difference, and a broken contract."""
    request = synthetic.request()
    ann, cnn = synthetic.everything(request)
    shuffled = tuple(
        replace(r, y_true=np.roll(r.y_true, 1), y_pred=np.roll(r.y_pred, 1), measured_on="f" * 40)
        for r in cnn.replicates
    )
    (dataset,) = _compared(request, [ann, replace(cnn, replicates=shuffled)]).datasets
    assert not dataset.differences
    assert "not fair: the contract is broken on data" in dataset.verdict


def test_predictions_of_another_model_are_noticed():
    """Predictions that do not have the accuracy of the metrics are an error that names them."""
    request = synthetic.request()
    ann, cnn = synthetic.everything(request)
    swapped = replace(cnn.replicates[0], y_pred=ann.replicates[0].y_pred)
    with pytest.raises(ValueError, match=r"cifar10-cnn-seed-0\.npz: expected predictions of accuracy"):
        _compared(request, [ann, replace(cnn, replicates=(swapped, *cnn.replicates[1:]))])


def test_confusion_and_classes_are_of_all_replicates():
    """The cells are sums over the seeds; the most confused pairs are its largest shares off the diagonal."""
    request = synthetic.request()
    model = _compared(request, synthetic.everything(request)).datasets[0].models[0]
    assert sum(number for _, _, number in model.confusion) == 3 * 400
    shares = [pair.share for pair in model.most_confused]
    assert shares == sorted(shares, reverse=True)
    assert all(pair.true != pair.predicted for pair in model.most_confused)
    assert sum(score.support for score in model.classes) == 400


def test_no_address_of_the_mirror_is_published():
    """Where the mirror is, and what else of a private network may be reached, is not in the report."""
    request = synthetic.request()
    assert "secret" not in _compared(request, synthetic.everything(request)).model_dump_json()
