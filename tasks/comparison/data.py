"""What a run says of a dataset itself, from the facts that `normalize` found."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.comparison.evidence import Values
from tasks.comparison.schema.data import Changes, ClassCount, DataSection, Finding, Picture, Strip
from tasks.comparison.schema.report import Comparison
from tasks.comparison.words.data import PARTS, remarks
from tasks.settings.dataset import Dataset
from tasks.settings.values import Frozen


def class_names(dataset: Dataset, facts: Values) -> tuple[str, ...]:
    """The classes in the order of their labels: the dataset's own, else those that its data tell; none without both."""
    return dataset.classes or tuple(facts.get("classes", ()))


def data_section(dataset: Dataset, facts: Values) -> DataSection:
    """The section of one dataset; where there are no `facts`, it has little more than a title."""
    by_part = facts.get("class_counts", {})
    names = class_names(dataset, facts)
    columns = {part: by_part[part] for part in PARTS if part in by_part}
    classes = [
        ClassCount(name=name, counts={part: numbers[label] for part, numbers in columns.items()})
        for label, name in enumerate(names if columns else ())
    ]
    changes = facts.get("changes")
    return DataSection(
        name=dataset.name,
        title=dataset.title,
        version=facts.get("version"),
        changes=Changes(**_fields(Changes, changes)) if changes else None,
        counts=facts.get("counts", {}),
        classes=tuple(classes),
        gate=tuple(Finding(**_fields(Finding, finding)) for finding in facts.get("gate", ())),
        remarks=tuple(remarks(dataset, classes)),
    )


class Pictures(NamedTuple):
    """Pictures of one dataset: of its classes, and of the test images in its galleries of mistakes.

    `no_room` says that there are none because a disk had no room for the images.
    """

    examples: tuple[Strip, ...] = ()
    mistaken: tuple[Picture, ...] = ()
    no_room: bool = False


def illustrated(comparison: Comparison, pictures: Mapping[str, Pictures]) -> Comparison:
    """The comparison with the pictures of each dataset that has some. They follow from no number."""
    data = [section.model_copy(update=pictures.get(section.name, Pictures())._asdict()) for section in comparison.data]
    return comparison.model_copy(update={"data": tuple(data)})


def shown(comparison: Comparison, dataset: str) -> list[int]:
    """The test images that the galleries of a dataset show at all its budgets, as often as they are shown."""
    galleries = [gallery for each in comparison.datasets if each.name == dataset for gallery in each.mistakes]
    return [image.index for gallery in galleries for image in gallery.images]


def _fields(kind: type[Frozen], values: Values) -> dict[str, Any]:
    """What `values` has of the fields of `kind`; the rest of it is in the report's facts."""
    return {name: values[name] for name in kind.model_fields if name in values}
