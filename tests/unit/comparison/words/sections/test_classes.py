"""The promises of `tasks.comparison.words.sections.classes`."""

import pytest
from pydantic import ValidationError

from tasks.comparison.schema.differences import ClassDifference
from tasks.comparison.words.sections.classes import classes_in_words
from tests.support.differences import difference


def of_class(name: str, middle: float, half: float = 0.02) -> ClassDifference:
    """A class whose interval reaches `half` to both sides."""
    low, high = middle - half, middle + half
    p_value = 0.01 if low > 0 or high < 0 else 0.6
    return ClassDifference(name=name, support=100, estimate=middle, low=low, high=high, p_value=p_value)


def said(*classes: ClassDifference) -> str:
    """What is said of these classes."""
    return classes_in_words(difference(0.01, 0.05, classes=classes))


def test_gains_losses_and_the_rest_are_said():
    """The number and the largest of each, with its interval; the others by name."""
    text = said(of_class("shirt", 0.081), of_class("coat", 0.05), of_class("bag", -0.031), of_class("trouser", 0.0))
    assert text == (
        "The CNN is better than the ANN on 2 of 4 classes, most on “shirt” (8.1 points, 6.1 to 10.1). It is worse on 1 "
        "of 4 classes, “bag” (3.1 points, 1.1 to 5.1). On “trouser” no difference was detected."
    )


def test_losses_alone():
    """Without a gain the loss is the first sentence; on all classes there is no rest."""
    assert said(of_class("coat", -0.08), of_class("bag", -0.09)) == (
        "The CNN is worse than the ANN on both classes, most on “bag” (9.0 points, 7.0 to 11.0)."
    )


def test_no_detected_difference():
    """Where no class shows one, that is all that is said; without classes nothing is."""
    assert said(of_class("coat", 0.0), of_class("bag", 0.01)) == (
        "On none of the 2 classes was a difference between the CNN and the ANN detected."
    )
    assert said() == ""


def test_one_class_is_not_called_all_of_them():
    """Where one class alone has test examples, it is named, and not counted."""
    assert said(of_class("coat", 0.0)) == "On “coat” no difference was detected."
    assert "on the only class with test examples, “coat” (" in said(of_class("coat", 0.08))


def test_many_undetected_classes_are_counted():
    """More than five are not named."""
    rest = [of_class(f"class {number}", 0.0) for number in range(1_200)]
    assert said(of_class("shirt", 0.1), *rest).endswith("On the other 1,200 classes no difference was detected.")


@pytest.mark.parametrize(("low", "high", "p_value"), [(0.01, 0.05, 0.2), (-0.01, 0.05, 0.01), (0.03, 0.05, 0.01)])
def test_a_class_that_contradicts_itself_is_refused(low, high, p_value):
    """Interval, estimate and p-value agree."""
    with pytest.raises(ValidationError, match="expected an interval and a p-value that agree"):
        ClassDifference(name="bag", support=9, estimate=0.02, low=low, high=high, p_value=p_value)
