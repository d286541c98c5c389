import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.part import Part
from tasks.data.partition import channel_statistics, check_classes, describe, partition
from tasks.data.selection import Selection, whole
from tasks.errors import DataError
from tests.support.tiny_data import images_and_labels

OFFICIAL = whole(Part(*images_and_labels(150, 3, seed=1)))


def selection(images, labels):
    return whole(Part(images, np.asarray(labels)))


@given(seed=st.integers(0, 1000), fraction=st.floats(0.1, 0.5))
def test_the_split_is_stratified_disjoint_whole_and_seeded(seed, fraction):
    """Every image lands in exactly one part, every class in both by its share, and a seed repeats its split."""
    parts = partition(OFFICIAL, fraction, seed)
    rows = np.concatenate([part.rows for part in parts.values()])
    assert sorted(rows) == list(range(150))
    counts = np.bincount(parts["validation"].labels)
    assert np.ptp(counts) <= 1
    again = partition(OFFICIAL, fraction, seed)
    np.testing.assert_array_equal(parts["train"].rows, again["train"].rows)


def test_a_class_of_one_image_stays_in_the_training_part():
    """It cannot stand on both sides, and is no reason to refuse all the others."""
    labels = np.append(OFFICIAL.labels, 3)
    parts = partition(Selection(OFFICIAL.images, np.arange(151), labels), 0.2, 0)
    assert 150 in parts["train"].rows
    assert set(parts["validation"].labels) == {0, 1, 2}


def test_the_statistics_are_those_of_the_training_part_alone():
    """Poisoning validation and test changes no statistic: nothing leaks into the scaling."""
    parts = partition(OFFICIAL, 0.2, 0) | {"test": selection(*images_and_labels(60, 3, seed=2))}
    clean = describe(parts, ("a", "b", "c"))
    for name in ("validation", "test"):
        parts[name] = parts[name]._replace(images=np.full_like(parts[name].images, 255))
    poisoned = describe(parts, ("a", "b", "c"))
    assert (clean["mean"], clean["std"]) == (poisoned["mean"], poisoned["std"])
    pixels = OFFICIAL.images[parts["train"].rows].astype(np.float64)
    np.testing.assert_allclose(clean["mean"], pixels.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(clean["std"], pixels.std(axis=(0, 1, 2)), rtol=1e-9)


def test_duplicates_are_counted_within_and_across_parts():
    """An image that stands twice in a part, or in two parts, is counted where it stands."""
    parts = {"train": OFFICIAL, "validation": OFFICIAL.at(np.arange(4))}
    doubled = np.concatenate([OFFICIAL.images[4:5]] * 2)
    parts["test"] = selection(np.concatenate([doubled, images_and_labels(3, 3, seed=9)[0]]), [0, 1, 2, 0, 1])
    found = describe(parts, ("a", "b", "c"))["duplicates"]
    assert found == {
        "train": 0, "validation": 0, "test": 1, "train_validation": 4, "train_test": 1, "validation_test": 0,
    }  # fmt: skip


def test_data_that_cannot_be_learnt_from_is_refused():
    """A channel that never changes, and fewer images than a validation part has classes, are a clear line."""
    with pytest.raises(DataError, match="expected every channel to vary"):
        channel_statistics([np.zeros((3, 2, 2, 1), np.uint8)] * 2)
    with pytest.raises(DataError, match="expected enough images of every class"):
        partition(OFFICIAL.at(np.arange(6)), 0.2, 0)


def test_a_declared_class_without_a_training_image_is_an_error_that_names_it():
    """What was declared and is never learnt: the class is named, and what to correct."""
    kept = OFFICIAL.labels[OFFICIAL.labels != 1]
    expected = "train part: expected images of every one of 3 classes, received none of b; correct `classes`"
    with pytest.raises(DataError, match=expected):
        check_classes(kept, ("a", "b", "c"))
    with pytest.raises(DataError, match=r"received none of .*, \.\.\.; correct"):
        check_classes(kept, ("a", "b", "c", *(f"class {number}" for number in range(20))))


def test_a_class_without_a_test_image_is_said_and_not_refused():
    """The counts by part and class tell it; the other classes can still be compared."""
    parts = partition(OFFICIAL, 0.2, 0) | {"test": OFFICIAL.at(np.flatnonzero(OFFICIAL.labels != 1))}
    assert describe(parts, ("a", "b", "c"))["class_counts"]["test"] == [50, 0, 50]


def test_statistics_do_not_depend_on_the_pieces(monkeypatch):
    """Images that do not fit into the memory are read piece by piece, and the numbers are the same."""
    parts = {"train": OFFICIAL, "test": OFFICIAL.at(np.arange(7))}
    together = describe(parts, ("a", "b", "c"))
    monkeypatch.setattr("tasks.data.selection.PIECE", 1000)
    assert len(list(OFFICIAL.pieces())) > 5
    assert describe(parts, ("a", "b", "c")) == together
