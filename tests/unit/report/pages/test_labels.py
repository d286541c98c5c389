"""The promises of `tasks.report.pages.labels`."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.report.pages.labels import ROOM, labels


def test_names_with_equal_beginnings_stay_apart():
    """A hundred long names that differ at their end, or in their middle alone, have a hundred labels."""
    ends = [f"a_rather_long_class_name_number_{number:03}" for number in range(100)]
    middles = [f"a_rather_long_class_{number:03}_with_a_long_common_end" for number in range(100)]
    for names in (ends, middles):
        assert len(set(labels(names))) == 100
    assert labels(ends)[7].endswith("number_007"[-9:])
    assert labels(middles)[7].startswith("8 a_")


@given(st.lists(st.text(max_size=60), max_size=256))
def test_labels_are_short_and_as_different_as_their_names(names):
    """No label is longer than its room, two names share one only when they are equal, and a short name is its own."""
    shown = labels(names)
    assert all(len(label) <= ROOM for label in shown)
    assert len(set(zip(names, shown, strict=True))) == len(set(names)) == len(set(shown))
    if all(len(name) <= ROOM for name in names):
        assert shown == names
