"""What the galleries of mistakes show, in words."""

from collections.abc import Sequence

from tasks.comparison.schema.mistakes import Gallery, GivenAnswer
from tasks.comparison.schema.models import Model
from tasks.comparison.words.wording import count, enumeration, family_title, percent, starting, the_family


def gallery_title(gallery: Gallery) -> str:
    """A heading of a few words."""
    families = enumeration([the_family(each) for each in gallery.families])
    return {
        "always": f"Always wrong: {families}",
        "only_reference": f"Only {families} is wrong",
        "sure": "The surest wrong answers",
        "disagreed": "Where the seeds disagree",
    }[gallery.kind]


def gallery_in_words(gallery: Gallery, seeds: int, shown: bool = True) -> str:
    """How many test images, or answers, are mistaken like this, over so many seeds, and which of them are `shown`."""
    families = [the_family(each) for each in gallery.families]
    said = {"always": _always, "only_reference": _only, "sure": _sure, "disagreed": _disagreed}[gallery.kind]
    return f"{starting(said(gallery, families, seeds))}{_shown(gallery) if shown else ''}"


def _wrong(gallery: Gallery, families: Sequence[str]) -> str:
    """ "the CNN got 12 of 10,000 test images wrong"."""
    return f"{enumeration([*families])} got {_of_all(gallery)} test images wrong"


def _of_all(gallery: Gallery) -> str:
    return f"{count(gallery.count)} of {count(gallery.of)}" if gallery.count else f"none of the {count(gallery.of)}"


def _always(gallery: Gallery, families: Sequence[str], seeds: int) -> str:
    under = f" under each of the {seeds} seeds" if seeds > 1 else ""
    return f"{_wrong(gallery, families)}{under}."


def _only(gallery: Gallery, families: Sequence[str], seeds: int) -> str:
    under = ", under each seed" if seeds > 1 else ""
    return f"{_wrong(gallery, families)} that every other model got right{under}."


def _sure(gallery: Gallery, families: Sequence[str], seeds: int) -> str:
    return f"{_of_all(gallery).capitalize()} answers of all models {'was' if gallery.count == 1 else 'were'} wrong."


def _disagreed(gallery: Gallery, families: Sequence[str], seeds: int) -> str:
    one = families[0] if len(families) == 1 else f"One of {enumeration([*families])}"
    return f"{one} got {_of_all(gallery)} test images right under some seeds, and wrong under others."


def _shown(gallery: Gallery) -> str:
    if len(gallery.images) == gallery.count:
        return ""
    several = ", of several classes" if len({image.true for image in gallery.images}) > 1 else ""
    which = {
        "sure": "the most confident, one of each image",
        "disagreed": "those on which the seeds are most evenly divided",
    }.get(gallery.kind, f"the most confident{several}")
    shown = len(gallery.images)
    return f" Here {'is 1' if shown == 1 else f'are {count(shown)}'}: {which}."


def answer_in_words(answer: GivenAnswer, predicted: str, seeds: int) -> str:
    """One answer below an image: "CNN: Shirt, 98 %", or "CNN: Shirt, 98 % (2 of 3)" where not all seeds gave it.

    `predicted` is its class, as short as there is room for.
    """
    of = f" ({answer.count} of {seeds})" if answer.count < seeds else ""
    return f"{family_title(answer.family)}: {predicted}, {percent(answer.confidence, 0)}{of}"


def seeds_of(models: Sequence[Model]) -> int:
    """The seeds of each model that is done."""
    return max((len(model.replicates) for model in models), default=0)
