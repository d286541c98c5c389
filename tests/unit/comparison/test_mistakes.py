"""The promises of `tasks.comparison.mistakes`: which test images a report shows as mistakes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch, confidence_of
from tasks.comparison.mistakes import IMAGES, OF_ONE_CLASS, galleries, images_of_a_gallery
from tasks.comparison.schema.mistakes import Gallery
from tests.support import synthetic

NAMES = [f"class {number}" for number in range(5)]
REQUEST = synthetic.request()


def _branch(family: str, seeds: int, examples: int, accuracy: float = 0.6):
    """Answers of several seeds to the same examples."""
    about = REQUEST.datasets[0]
    made = [
        synthetic.measured(REQUEST, about, family, seed, *synthetic.predictions(family, seed, examples, accuracy, 5))
        for seed in range(seeds)
    ]
    return Branch(about.name, family, "done", replicates=tuple(made))


def _by_kind(branches, at_most=IMAGES):
    return {gallery.kind: gallery for gallery in galleries(branches, "ann", NAMES, at_most)}


def _wrong(branch):
    return np.stack([each.y_pred != each.y_true for each in branch.replicates])


def _indices(gallery):
    return [image.index for image in gallery.images]


@given(st.integers(1, 4), st.integers(1, 120), st.integers(1, IMAGES), st.floats(0, 1))
@settings(max_examples=40)
def test_each_gallery_shows_what_its_name_says(seeds, examples, at_most, accuracy):
    """Every image of a gallery is mistaken in its way, none twice; the number of all is right; no more than asked."""
    ann, cnn = _branch("ann", seeds, examples, accuracy), _branch("cnn", seeds, examples, accuracy)
    found, (of_ann, of_cnn) = _by_kind([ann, cnn], at_most), (_wrong(ann), _wrong(cnn))
    expected = {
        "always": of_cnn.all(axis=0),
        "only_reference": of_ann.all(axis=0) & ~of_cnn.any(axis=0),
        "disagreed": of_cnn.any(axis=0) & ~of_cnn.all(axis=0),
    }
    for kind, wrong in expected.items():
        if kind == "disagreed" and seeds == 1:
            assert kind not in found  # one seed cannot disagree
            continue
        gallery = found[kind]
        assert (gallery.count, gallery.of) == (wrong.sum(), examples)
        assert len(gallery.images) == len({*_indices(gallery)}) == min(at_most, wrong.sum())
        assert all(wrong[_indices(gallery)])
    sure = found["sure"]
    assert (sure.count, sure.of) == (of_ann.sum() + of_cnn.sum(), 2 * seeds * examples)
    assert len(sure.images) == min(at_most, (of_ann.any(axis=0) | of_cnn.any(axis=0)).sum())


@given(st.integers(1, 4), st.integers(2, 120))
@settings(max_examples=25)
def test_answers_are_those_that_the_models_gave(seeds, examples):
    """Of each family the most frequent answer first, at most two, with the confidence of the seeds that gave it."""
    branches = [_branch("ann", seeds, examples), _branch("cnn", seeds, examples)]
    for kind, gallery in _by_kind(branches).items():
        for image in gallery.images:
            assert image.true == NAMES[branches[0].replicates[0].y_true[image.index]]
            for branch in branches if kind != "sure" else ():
                given_here = [answer for answer in image.answers if answer.family == branch.family]
                labels = [NAMES[each.y_pred[image.index]] for each in branch.replicates]
                counts = [answer.count for answer in given_here]
                assert 1 <= len(given_here) <= 2
                assert counts == sorted(counts, reverse=True)
                assert counts[0] == max(map(labels.count, labels))
                for answer in given_here:
                    sure = [
                        each.confidence[image.index]
                        for each, label in zip(branch.replicates, labels, strict=True)
                        if label == answer.predicted
                    ]
                    assert (answer.count, answer.confidence) == (len(sure), pytest.approx(np.mean(sure)))


def test_the_surest_mistakes_are_the_surest():
    """No wrong answer that is not shown, of an image that is not shown, is more confident than one that is."""
    branches = [_branch("ann", 3, 200), _branch("cnn", 3, 200)]
    shown = _by_kind(branches)["sure"].images
    confidences = [image.answers[0].confidence for image in shown]
    assert confidences == sorted(confidences, reverse=True)
    others = np.ones(200, bool)
    others[[image.index for image in shown]] = False
    rest = [each.confidence[others & (each.y_pred != each.y_true)] for b in branches for each in b.replicates]
    assert max(part.max() for part in rest) <= confidences[-1]


def test_seeds_that_disagree_most_evenly_come_first():
    """Half right and half wrong stands before one of four."""
    cnn = _branch("cnn", 4, 2_000)
    share = _wrong(cnn).mean(axis=0)
    found = _by_kind([_branch("ann", 4, 2_000), cnn])["disagreed"]
    assert {share[index] for index in _indices(found)} == {0.5}


def test_a_gallery_shows_several_classes_where_there_are_some():
    """One class has at most three images, unless the others do not fill the gallery."""
    found = _by_kind([_branch("ann", 2, 2_000), _branch("cnn", 2, 2_000)])["always"]
    trues = [image.true for image in found.images]
    assert len(trues) == IMAGES
    assert max(map(trues.count, trues)) == OF_ONE_CLASS
    branch = _branch("cnn", 1, 60, 0.0)
    one_class = replace(branch.replicates[0], y_true=np.zeros(60, np.uint16), y_pred=np.ones(60, np.uint16))
    found = _by_kind([replace(branch, replicates=(one_class,))])["always"]
    assert len(found.images) == IMAGES


def test_galleries_do_not_depend_on_the_order_of_families_and_ties_go_by_index():
    """The same images for the same evidence; equally confident ones in their order in the test part."""
    ann, cnn = _branch("ann", 2, 300), _branch("cnn", 2, 300)
    forth, back = _by_kind([ann, cnn]), _by_kind([cnn, ann])
    for kind in ("always", "only_reference", "disagreed"):
        assert _indices(forth[kind]) == _indices(back[kind])
    flat = [replace(each, confidence=np.full(300, 0.5, np.float32)) for each in cnn.replicates]
    found = _by_kind([ann, replace(cnn, replicates=tuple(flat))])["always"]
    assert _indices(found) == sorted(_indices(found))


def test_one_family_alone_and_three_families():
    """Alone, a reference shows its own mistakes; of several others, "always" means all of them."""
    ann, cnn, third = (_branch(name, 2, 200) for name in ("ann", "cnn", "mix"))
    assert _by_kind([ann]).keys() == {"always", "sure", "disagreed"}
    assert _by_kind([ann])["always"].families == ("ann",)
    found = _by_kind([ann, cnn, third])
    assert found["always"].families == ("cnn", "mix")
    assert found["always"].count == (_wrong(cnn).all(axis=0) & _wrong(third).all(axis=0)).sum()
    assert found["only_reference"].families == ("ann",)


def test_nothing_is_shown_without_results_or_of_different_examples():
    """A branch that failed is passed over; branches of different test examples have no common mistakes."""
    ann, cnn = _branch("ann", 2, 100), _branch("cnn", 2, 100)
    failed = replace(cnn, status="failed", error="train: killed", replicates=())
    assert galleries([failed], "ann", NAMES, 3) == ()
    assert _by_kind([ann, failed]).keys() == {"always", "sure", "disagreed"}
    assert galleries([ann, _branch("cnn", 2, 101)], "ann", NAMES, 3) == ()


def test_many_budgets_share_the_images():
    """Twelve images of each gallery for up to three budgets; then fewer, and never none."""
    assert [images_of_a_gallery(budgets) for budgets in (0, 1, 3, 4, 12, 100)] == [12, 12, 12, 9, 3, 1]


def test_confidence_is_a_probability_whatever_the_network_says():
    """A network that says no number is not confident."""
    made = confidence_of(np.array([[0.2, 0.8], [np.nan, np.nan], [1.0000001, 0]], np.float32))
    assert made.tolist() == [pytest.approx(0.8), 0.0, 1.0]


def test_a_comparison_has_the_galleries_of_each_dataset():
    """Every dataset with results shows its mistakes; the report's classes are those of the images."""
    branches, records, facts = synthetic.everything(REQUEST), synthetic.records(REQUEST), synthetic.facts(REQUEST)
    comparison = compare(REQUEST, branches, records, facts, synthetic.ENVIRONMENT)
    for dataset in comparison.datasets:
        assert dataset.mistakes
        assert {image.true for gallery in dataset.mistakes for image in gallery.images} <= {*dataset.classes}


def test_a_gallery_that_shows_more_than_there_are_is_refused():
    """A report that contradicts itself cannot be read."""
    with pytest.raises(ValidationError, match="expected some of the mistakes, received 0 of 3 of 2"):
        Gallery(kind="always", families=("cnn",), count=3, of=2, images=())
