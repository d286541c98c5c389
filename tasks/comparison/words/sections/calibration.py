"""Whether a model is right when it is sure, in words."""

from tasks.comparison.schema.calibration import Calibration, SureAnswers
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.values import Interval
from tasks.comparison.words.wording import fixed, percent, points, starting, the_family


def calibration_in_words(model: Model) -> str:
    """Sentences on a model's sure answers, on its confidence as a whole, and on its mistakes; empty without bins."""
    if model.calibration is None or model.accuracy_interval is None:
        return ""
    family = the_family(model.family)
    said = [
        _sure(family, model.calibration),
        _whole(model.calibration, model.accuracy_interval),
        _mistakes(model.calibration),
    ]
    return " ".join(sentence for sentence in said if sentence)


def scaling_in_words(model: Model) -> str:
    """A sentence on the temperatures and what they do to the calibration error; empty where there are none."""
    temperature, after = (model.spread.get(name) for name in ("temperature", "calibrated_error"))
    if temperature is None or after is None:
        return ""
    if temperature.least == temperature.greatest == 1:
        return "The validation part gave no other temperature than 1, which changes nothing."
    low, high = fixed(temperature.least, 2), fixed(temperature.greatest, 2)
    scaled = f"After temperature scaling on the validation part (T = {low if low == high else f'{low} to {high}'}), "
    old, new = percent(model.spread["calibration_error"].mean), percent(after.mean)
    if old == new:
        return f"{scaled}the calibration error stays at {new}."
    falls = after.mean < model.spread["calibration_error"].mean
    return f"{scaled}the calibration error {'falls' if falls else 'rises'} from {old} to {new}."


def _sure(family: str, found: Calibration) -> str:
    sure, above = found.sure, _above(found.sure)
    if sure.accuracy is None:
        return starting(f"{family} is never {above} sure of an answer.")
    share = percent(sure.count / found.count, 0)
    return starting(
        f"{family} is {above} sure of {share} of its answers, and right in {percent(sure.accuracy)} of these."
    )


def _whole(found: Calibration, accuracy: Interval) -> str:
    """A mean confidence within the interval of the accuracy is no fault that these answers show, and no merit."""
    mean = f"its mean confidence is {percent(found.confidence)}"
    if accuracy.low <= found.confidence <= accuracy.high:
        interval = f"{percent(accuracy.low)} to {percent(accuracy.high)}"
        return (
            f"Neither over- nor underconfidence was detected: {mean}, within the interval of its accuracy ({interval})."
        )
    direction = "overconfident" if found.overconfidence > 0 else "underconfident"
    size = points(abs(found.overconfidence))
    right = percent(found.confidence - found.overconfidence)
    return f"On average it is {direction} by {size} points: {mean}, and it is right in {right} of cases."


def _mistakes(found: Calibration) -> str:
    if found.sure_mistakes is None:
        return "It makes no mistake."
    if not found.sure.count:
        return ""  # said already: it is never that sure
    if not found.sure_mistakes:
        return f"None of its mistakes is made with {_above(found.sure)} confidence."
    return f"Of its mistakes, {percent(found.sure_mistakes, 0)} are made with {_above(found.sure)} confidence."


def _above(sure: SureAnswers) -> str:
    return f"more than {percent(sure.above, 0)}"
