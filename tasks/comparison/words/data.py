"""What is said of a dataset itself: its version, what changed since the one before, and what its numbers mean."""

from collections.abc import Sequence

from tasks.comparison.schema.data import Changes, ClassCount
from tasks.comparison.schema.models import Earlier
from tasks.comparison.words.wording import count, enumeration, p_value, percent, plural, points, quoted, ratio, some
from tasks.settings.dataset import Dataset

PARTS = ("train", "validation", "test")
PART_TITLES = {"train": "training", "validation": "validation", "test": "test"}
SHORT = 8  # digits of a version that tell it from others


def short(version: str | None) -> str:
    """A version, as a person writes it."""
    return version[:SHORT] if version else "of an unknown list"


def in_words(changes: Changes) -> str:
    """What became of the images since the version before."""
    numbers = {"added": changes.added, "removed": changes.removed, "put under another label": changes.relabelled}
    said = [f"{plural(number, 'image')} {was(number)} {what}" for what, number in numbers.items() if number]
    since = f"Since version {short(changes.previous)}"
    if not said:
        return f"{since} no image was added, removed or put under another label."
    shifted = f"; the largest change of a class's share is {points(changes.shifted)} points" if changes.shifted else ""
    return f"{since} {enumeration(said)}{shifted}."


def was(number: int) -> str:
    """The verb for so many things."""
    return "was" if number == 1 else "were"


def earlier_in_words(model: str, earlier: Earlier) -> str:
    """What the model of the version before reaches on the present test part, beside the present one."""
    before = f"{model} trained on version {short(earlier.version)}"
    if earlier.test is None:
        return f"{before} is not compared: {earlier.reason}."
    return (
        f"{before}: {percent(earlier.accuracy)} on the present test part; trained on version {short(earlier.present)}: "
        f"{percent(earlier.present_accuracy)} ({points(earlier.test.estimate)} points, seed {earlier.seed}, "
        f"McNemar {p_value(earlier.test.p_value)})."
    )


def remarks(dataset: Dataset, classes: Sequence[ClassCount]) -> list[str]:
    """Sentences on what the numbers of a dataset say; none where there are no `classes`."""
    found = [_origin(dataset), _balance(classes), *(_lacking(part, classes) for part in PARTS), _single(classes)]
    return [sentence for sentence in found if sentence] if classes else []


def _origin(dataset: Dataset) -> str:
    if dataset.splits:
        return "The test part is the official one; the validation part was cut from the official training part."
    return "Given parts are kept; every other image stands in a part by its own content, and stays there as data grow."


def _balance(classes: Sequence[ClassCount]) -> str:
    numbers = {each.name: each.counts["train"] for each in classes if each.counts.get("train")}
    if not numbers:
        return ""
    largest, smallest = max(numbers, key=numbers.__getitem__), min(numbers, key=numbers.__getitem__)
    most, least = numbers[largest], numbers[smallest]
    if most == least:
        return f"Every class has {plural(most, 'image')} in the training part."
    return (
        f"In the training part the largest class, {quoted(largest)}, has {plural(most, 'image')}, and the smallest, "
        f"{quoted(smallest)}, has {count(least)}: {ratio(most / least)} for one. Training takes that as it is."
    )


def _lacking(part: str, classes: Sequence[ClassCount]) -> str:
    lacking = [each.name for each in classes if each.counts.get(part) == 0]
    if not lacking:
        return ""
    so = f" {'It counts' if len(lacking) == 1 else 'They count'} in no score." if part == "test" else ""
    of = f"{count(len(lacking))} of {count(len(classes))} classes"
    return f"The {PART_TITLES[part]} part has no image of {of} ({some([quoted(name) for name in lacking])}).{so}"


def _single(classes: Sequence[ClassCount]) -> str:
    single = [each.name for each in classes if {*PARTS} <= each.counts.keys() and sum(each.counts.values()) == 1]
    if not single:
        return ""
    named = some([quoted(name) for name in single])
    if len(single) == 1:
        return f"The class {named} has one image, which can stand in one part only."
    return f"{count(len(single))} classes ({named}) have one image each, which can stand in one part only."
