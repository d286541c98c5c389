"""The arrays and facts of a dataset: which models of other data can answer."""

import pytest

from tasks.data.arrays import incomparable

FACTS = {"shape": [16, 16, 3], "classes": ["a", "b"]}


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({}, None),
        ({"classes": ["a", "b", "c"]}, "its classes were others (1 new, 0 gone)"),
        ({"classes": ["a", "x"]}, "its classes were others (1 new, 1 gone)"),
        ({"classes": ["b", "a"]}, "its classes had another order"),
        ({"shape": [32, 32, 3]}, "its images were 16 x 16 x 3, and are 32 x 32 x 3 now"),
    ],
)
def test_a_model_of_other_classes_or_images_is_not_asked(now, reason):
    """A label means the same only where the classes are the same, one by one; the reason is said."""
    assert incomparable(FACTS, FACTS | now) == reason
