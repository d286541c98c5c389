"""The promises of `tasks.comparison.data`: what a report says of a dataset itself."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.data import class_names
from tasks.comparison.evidence import EarlierEvidence
from tasks.comparison.schema.data import Changes
from tasks.comparison.words.cautions import earlier_seeds
from tasks.comparison.words.data import earlier_in_words, in_words
from tasks.comparison.words.wording import ranges
from tests.support import synthetic

CLASSES = ("roses", "tulips", "weeds")
COUNTS = {"train": [400, 12, 1], "validation": [50, 3, 0], "test": [100, 6, 0]}
FLOWERS = synthetic.living()
REQUEST = synthetic.request((FLOWERS,), replicates=4)


def _compared(facts, *, examples=300, **changes):
    number = len(facts["classes"])
    branches = [
        synthetic.branch(REQUEST, FLOWERS, family, examples=examples, classes=number) for family in ("ann", "cnn")
    ]
    branches[1] = replace(branches[1], **changes)
    return compare(REQUEST, branches, synthetic.records(REQUEST), {"flowers": facts}, synthetic.ENVIRONMENT)


FACTS = synthetic.living_facts(CLASSES, COUNTS)


def test_classes_that_the_data_tell_name_everything():
    """Where the dataset's file lists no classes, those of the facts name baseline, scores and confused pairs."""
    comparison = _compared(FACTS)
    (dataset,) = comparison.datasets
    assert dataset.classes == CLASSES
    assert dataset.baseline.name == "roses"
    assert [score.name for score in dataset.models[0].classes] == list(CLASSES)
    assert {pair.true for pair in dataset.models[0].most_confused} <= {*CLASSES}


def test_the_files_of_a_dataset_say_more_than_its_data():
    """Classes that the dataset's file lists stay as they are; without both there are none."""
    assert class_names(synthetic.dataset(), {"classes": ["x"]}) == synthetic.CLASSES
    assert class_names(FLOWERS, {}) == ()


def test_a_dataset_without_facts_breaks_nothing():
    """Where `normalize` never finished there are no classes and no counts, and the report is whole."""
    comparison = compare(REQUEST, [], [], {}, synthetic.ENVIRONMENT)
    assert comparison.datasets[0].classes == ()
    (section,) = comparison.data
    assert (section.title, section.counts, section.classes, section.remarks) == ("Flowers", {}, (), ())


def test_a_section_says_what_there_is():
    """Version, what became of the images, counts by class and part, and what the gate found."""
    (section,) = _compared(FACTS).data
    assert section.version == synthetic.VERSIONS[1]
    assert in_words(section.changes) == (
        "Since version 1a1a1a1a 100 images were added and 1 image was removed; the largest change of a class's share "
        "is 2.1 points."
    )
    assert section.classes[1].counts == {"train": 12, "validation": 3, "test": 6}
    assert (section.gate[0].name, section.gate[0].found, section.gate[0].files[0]) == ("corrupt", 3, "a/broken.jpg")


def test_data_that_stayed_the_same_are_said_to():
    """Another run on the same images says that nothing was added, removed or put under another label."""
    changes = Changes(previous=synthetic.VERSIONS[0], added=0, removed=0, relabelled=0, shifted=0)
    assert in_words(changes) == "Since version 1a1a1a1a no image was added, removed or put under another label."


def test_remarks_say_what_the_numbers_mean():
    """The largest and the smallest class, the classes that a part lacks, and those of one image, are sentences."""
    said = " ".join(_compared(FACTS).data[0].remarks)
    assert "the largest class, “roses”, has 400 images, and the smallest, “weeds”, has 1: 400 for one" in said
    assert "The test part has no image of 1 of 3 classes (“weeds”). It counts in no score." in said
    assert "The class “weeds” has one image, which can stand in one part only." in said


def test_a_balanced_dataset_is_said_to_be_one():
    """Where all classes are alike there is one sentence on that, and where the parts come from."""
    (section,) = compare(synthetic.request(), [], [], synthetic.facts(synthetic.request()), synthetic.ENVIRONMENT).data
    assert section.remarks == (
        "The test part is the official one; the validation part was cut from the official training part.",
        "Every class has 4,500 images in the training part.",
    )


def test_many_classes_without_images_are_counted():
    """Of many classes that a part lacks, five are named and the others are counted."""
    names = tuple(f"c{number}" for number in range(50))
    counts = {"train": [2] * 50, "validation": [1] * 50, "test": [0] * 40 + [1] * 10}
    (section,) = _compared(synthetic.living_facts(names, counts)).data
    said = "The test part has no image of 40 of 50 classes (“c0”, “c1”, “c2”, “c3”, “c4” and 35 more)."
    assert f"{said} They count in no score." in section.remarks


def test_a_class_without_test_examples_is_not_missed():
    """A class that the test part lacks is none that a model never predicts, and is in no list of pairs."""
    truth = np.arange(300, dtype=np.uint16) % 2
    only = synthetic.measured(REQUEST, FLOWERS, "cnn", 0, truth, np.eye(3, dtype=np.float32)[truth])
    branch = replace(synthetic.branch(REQUEST, FLOWERS, "cnn", classes=3), replicates=(only,))
    comparison = compare(REQUEST, [branch], [], {"flowers": FACTS}, synthetic.ENVIRONMENT)
    model = comparison.datasets[0].models[1]
    assert (model.never_predicted, model.most_confused, model.spread["balanced_accuracy"].mean) == ((), (), 1)


def test_of_many_classes_the_pairs_with_most_examples_are_named():
    """With more than 25 classes there are 20 pairs, and one example in a class of one is not the first of them."""
    names = tuple(f"c{number:02}" for number in range(30))
    branch = synthetic.branch(REQUEST, FLOWERS, "ann", examples=2000, classes=30)
    facts = synthetic.living_facts(names, {"train": [9] * 30, "validation": [1] * 30, "test": [3] * 30})
    comparison = compare(REQUEST, [branch], [], {"flowers": facts}, synthetic.ENVIRONMENT)
    pairs = comparison.datasets[0].models[0].most_confused
    assert len(pairs) == 20
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    assert comparison.datasets[0].models[0].spread["top5_accuracy"].mean > 0.5


@pytest.fixture
def earlier():
    """The first seed's model of the version before, which is right on the first half of the test part."""
    truth, _ = synthetic.predictions("cnn", 0, 300, 0.7, 3)
    found = {"version": synthetic.VERSIONS[0], "present": synthetic.VERSIONS[1], "seed": 0}
    answers = np.where(np.arange(300) < 150, truth, (truth + 1) % 3)
    return EarlierEvidence(found, answers, "reports/quick-1/predictions/flowers-cnn-earlier.npz", "0" * 64)


def test_the_model_of_the_version_before_is_compared(earlier):
    """Both accuracies on the present test part, their difference and its test are said, with the versions."""
    model = _compared(FACTS, earlier=earlier).datasets[0].models[1]
    assert model.earlier.accuracy == 0.5
    assert model.earlier.present_accuracy == model.replicates[0].accuracy
    assert model.earlier.test.estimate == pytest.approx(model.replicates[0].accuracy - 0.5)
    assert earlier_in_words("The CNN", model.earlier).startswith(
        f"The CNN trained on version 1a1a1a1a: 50.0 % on the present test part; trained on version 2b2b2b2b: "
        f"{100 * model.replicates[0].accuracy:.1f} % ("
    )


def test_a_model_that_cannot_be_compared_has_its_reason(earlier):
    """Where the classes are others now there is no number, but the reason."""
    reason = {"reason": "its classes were others (1 new, 0 gone)"}
    model = _compared(FACTS, earlier=EarlierEvidence(earlier.found | reason)).datasets[0].models[1]
    assert earlier_in_words("The CNN", model.earlier) == (
        "The CNN trained on version 1a1a1a1a is not compared: its classes were others (1 new, 0 gone)."
    )


def test_the_seeds_of_earlier_runs_are_told_from_the_new_ones():
    """What an earlier run trained is named; where this run trained everything there is nothing to say."""
    comparison = _compared(FACTS)
    model = comparison.datasets[0].models[1]
    assert earlier_seeds(model, "quick-1") == ""
    grown = [
        replicate.model_copy(update={"trained_in": "before" if replicate.seed < 3 else "quick-1"})
        for replicate in model.replicates
    ]
    mixed = model.model_copy(update={"replicates": tuple(grown)})
    assert earlier_seeds(mixed, "quick-1") == "seeds 0 to 2 from earlier runs, 3 new"
    assert earlier_seeds(mixed.model_copy(update={"replicates": tuple(grown[:1])}), "quick-1") == (
        "seed 0 from earlier runs"
    )


@pytest.mark.parametrize(
    ("numbers", "said"), [([3], "3"), ([0, 1], "0 and 1"), ([0, 1, 2], "0 to 2"), ([0, 1, 2, 5], "0 to 2 and 5")]
)
def test_whole_numbers_in_a_row_are_a_range(numbers, said):
    """Three and more in a row are written by their ends."""
    assert ranges(numbers) == said
