import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.part import Part
from tasks.data.partition import channel_statistics, describe, partition
from tasks.errors import DataError
from tests.support.tiny_data import images_and_labels

OFFICIAL = Part(*images_and_labels(150, 3, seed=1))


@given(seed=st.integers(0, 1000), fraction=st.floats(0.1, 0.5))
def test_the_split_is_stratified_disjoint_whole_and_seeded(seed, fraction):
    """Every image lands in exactly one part, every class in both by its share, and a seed repeats its split."""
    numbered = Part(np.arange(150, dtype=np.uint8).reshape(150, 1, 1, 1), OFFICIAL.labels)
    parts = partition(numbered, fraction, seed)
    rows = np.concatenate([part.images.ravel() for part in parts.values()])
    assert sorted(rows) == list(range(150))
    counts = np.bincount(parts["validation"].labels)
    assert np.ptp(counts) <= 1
    again = partition(numbered, fraction, seed)
    np.testing.assert_array_equal(parts["train"].images, again["train"].images)


def test_the_statistics_are_those_of_the_training_part_alone():
    """Poisoning validation and test changes no statistic: nothing leaks into the scaling."""
    parts = partition(OFFICIAL, 0.2, 0) | {"test": Part(*images_and_labels(60, 3, seed=2))}
    clean = describe(parts, ("a", "b", "c"))
    for name in ("validation", "test"):
        parts[name] = Part(np.full_like(parts[name].images, 255), parts[name].labels)
    poisoned = describe(parts, ("a", "b", "c"))
    assert (clean["mean"], clean["std"]) == (poisoned["mean"], poisoned["std"])
    pixels = parts["train"].images.astype(np.float64)
    np.testing.assert_allclose(clean["mean"], pixels.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(clean["std"], pixels.std(axis=(0, 1, 2)), rtol=1e-9)


def test_duplicates_are_counted_within_and_across_parts():
    """An image that stands twice in a part, or in two parts, is counted where it stands."""
    parts = {"train": OFFICIAL, "validation": Part(OFFICIAL.images[:4], OFFICIAL.labels[:4])}
    doubled = np.concatenate([OFFICIAL.images[4:5]] * 2)
    parts["test"] = Part(np.concatenate([doubled, images_and_labels(3, 3, seed=9)[0]]), np.array([0, 1, 2, 0, 1]))
    found = describe(parts, ("a", "b", "c"))["duplicates"]
    assert found == {
        "train": 0, "validation": 0, "test": 1, "train_validation": 4, "train_test": 1, "validation_test": 0,
    }  # fmt: skip


def test_data_that_cannot_be_learnt_from_is_refused():
    """A class without images, and a channel that never changes, end the stage with a clear line."""
    parts = {"train": OFFICIAL, "test": OFFICIAL}
    with pytest.raises(DataError, match="received none of d"):
        describe(parts, ("a", "b", "c", "d"))
    with pytest.raises(DataError, match="expected every channel to vary"):
        channel_statistics(np.zeros((3, 2, 2, 1), np.uint8))
    with pytest.raises(DataError, match="expected enough images of every class"):
        partition(Part(OFFICIAL.images[:4], OFFICIAL.labels[:4]), 0.2, 0)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_declared_class_without_an_image_is_an_error_that_names_it(part):
    """What was declared and never occurs has no score: the part and the class are named, and what to correct."""
    parts = partition(OFFICIAL, 0.2, 0) | {"test": Part(*images_and_labels(60, 3, seed=2))}
    kept = parts[part].labels != 1
    parts[part] = Part(parts[part].images[kept], parts[part].labels[kept])
    expected = f"{part} part: expected images of every one of 3 classes, received none of b; correct `classes`"
    with pytest.raises(DataError, match=expected):
        describe(parts, ("a", "b", "c"))
    with pytest.raises(DataError, match=r"received none of .*, \.\.\.; correct"):
        describe(parts, ("a", "b", "c", *(f"class {number}" for number in range(20))))
