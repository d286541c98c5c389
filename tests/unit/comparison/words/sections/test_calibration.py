"""The promises of `tasks.comparison.words.sections.calibration`."""

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.schema.calibration import Calibration
from tasks.comparison.schema.values import Interval, Spread
from tasks.comparison.words.sections.calibration import calibration_in_words, scaling_in_words
from tests.support import synthetic


@pytest.fixture(scope="module")
def model():
    """A CNN with an accuracy near 71 %."""
    request = synthetic.request()
    return compare(request, synthetic.everything(request), [], {}, synthetic.ENVIRONMENT).datasets[0].models[1]


def said(model, confidence: float, sure: dict) -> str:
    """What is said of answers of one mean confidence, some of them sure."""
    bins = [{"count": 1_000, "confidence": confidence, "accuracy": model.accuracy}]
    changed = Calibration.model_validate({"bins": bins, "sure": {"above": 0.9} | sure})
    return calibration_in_words(model.model_copy(update={"calibration": changed}))


SURE = {"count": 400, "confidence": 0.97, "accuracy": 0.9}


def test_the_words_say_how_sure_the_model_is_when_it_errs(model):
    """The sure answers, how often they are right, and which part of the mistakes they are."""
    text = said(model, model.accuracy + 0.1, SURE)
    assert text.startswith("The CNN is more than 90 % sure of 40 % of its answers, and right in 90.0 % of these.")
    share = 40 / (1_000 * (1 - model.accuracy))
    assert f"Of its mistakes, {100 * share:.0f} % are made with more than 90 % confidence." in text


@pytest.mark.parametrize(("gap", "words"), [(0.1, "overconfident by 10.0"), (-0.1, "underconfident by 10.0")])
def test_a_clear_gap_has_a_direction(model, gap, words):
    """A mean confidence outside the interval of the accuracy is over- or underconfidence, with its size."""
    assert f"On average it is {words} points" in said(model, model.accuracy + gap, SURE)


def test_a_gap_within_the_noise_is_none(model):
    """A mean confidence within the interval of the accuracy shows no fault and proves nothing: the interval is said."""
    assert model.accuracy_interval.low < model.accuracy + 0.001 < model.accuracy_interval.high
    wide = model.model_copy(update={"accuracy_interval": Interval(low=0.0, high=1.0)})
    assert "as sure as" not in said(wide, 0.625, SURE)
    assert (
        "Neither over- nor underconfidence was detected: its mean confidence is 62.5 %, within the interval of its "
        "accuracy (0.0 % to 100.0 %)." in said(wide, 0.625, SURE)
    )


def test_a_model_that_is_never_sure(model):
    """Without sure answers there is no share of right ones, and no word on mistakes among them."""
    text = said(model, model.accuracy, {"count": 0})
    assert text.startswith("The CNN is never more than 90 % sure of an answer.")
    assert text.count("more than 90 %") == 1


def test_a_model_without_mistakes(model):
    """A model that is always right has no mistakes to speak of."""
    sure = {"count": 1_000, "confidence": 0.97, "accuracy": 1.0}
    whole = Calibration.model_validate(
        {"bins": [sure], "sure": sure | {"above": 0.9}},
    )
    assert calibration_in_words(model.model_copy(update={"calibration": whole})).endswith("It makes no mistake.")


def scaled(model, error: tuple[float, float], *temperatures: float) -> str:
    """What is said of a calibration error before and after, at these temperatures of the seeds."""
    before, after = (Spread(mean=mean, std=None, least=mean, greatest=mean) for mean in error)
    low, high = min(temperatures), max(temperatures)
    found = Spread(mean=sum(temperatures) / len(temperatures), std=None, least=low, greatest=high)
    spread = model.spread | {"calibration_error": before, "calibrated_error": after, "temperature": found}
    return scaling_in_words(model.model_copy(update={"spread": spread}))


@pytest.mark.parametrize(
    ("error", "temperatures", "words"),
    [
        ((0.031, 0.009), (1.42,), "(T = 1.42), the calibration error falls from 3.1 % to 0.9 %."),
        ((0.031, 0.009), (1.38, 1.42), "(T = 1.38 to 1.42), the calibration error falls from 3.1 % to 0.9 %."),
        ((0.009, 0.031), (0.8,), "(T = 0.80), the calibration error rises from 0.9 % to 3.1 %."),
        ((0.0091, 0.0089), (1.01,), "(T = 1.01), the calibration error stays at 0.9 %."),
    ],
)
def test_the_words_say_what_the_temperature_does(model, error, temperatures, words):
    """The temperatures of the seeds, and the error before and after; what reads alike is said to stay."""
    assert scaled(model, error, *temperatures) == f"After temperature scaling on the validation part {words}"


def test_a_temperature_of_one_is_said_to_change_nothing(model):
    """Where no seed has another temperature, nothing was scaled; an evaluation of an earlier release has no words."""
    assert scaled(model, (0.1, 0.1), 1.0, 1.0).endswith("no other temperature than 1, which changes nothing.")
    assert scaling_in_words(model.model_copy(update={"spread": {}})) == ""


def test_a_model_without_bins_has_no_words(model):
    """Where an earlier release evaluated, nothing is said."""
    assert calibration_in_words(model.model_copy(update={"calibration": None})) == ""
