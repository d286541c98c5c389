"""Fills in the templates beside this file, with the words on results and the values that several of them use.

Every function of the modules WORDS is a filter under its own name.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from inspect import getmembers, isfunction
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.comparison.assembly import MANY
from tasks.comparison.schema.data import ClassCount, Finding
from tasks.comparison.schema.models import ClassScore, Model
from tasks.comparison.schema.report import Comparison, DatasetComparison, StageRecord
from tasks.comparison.words import cautions, data, design, forecast, opening, since, verdict, wording
from tasks.comparison.words.sections import calibration, classes, confusions, cost_table, mistakes, search
from tasks.report.pages import labels, trials
from tasks.report.pages.figures.classes import ends
from tasks.report.pages.figures.heat_maps import CELLS

ENDS = 10  # of many classes, those at each end of a list
OPEN = 5  # trials of a family that are shown without a click
FOLDED = 4_000  # scores of a class by a model that a page has room for, folded
LOOKED_FOR = {
    "corrupt": "corrupt images",
    "conflicting": "one image under two labels",
    "crossing": "images that a given part shares with another",
    "alike": "images left out, as one in another part looks the same",
    "repeated": "the same image once more",
    "tiny": "classes of fewer than ten images",
    "untrained": "classes without a training image",
    "imbalance": "images of the largest class for one of the smallest",
    "added": "added since the version before",
    "removed": "removed since the version before",
    "relabelled": "put under another label since the version before",
    "shifted": "largest change of a class's share",
}
PURPOSES = {"train": "to learn from", "validation": "to choose by", "test": "to test on"}
SECTIONS = (calibration, classes, confusions, cost_table, mistakes, search)
# What speaks on a page.
WORDS = (wording, cautions, data, design, forecast, opening, since, verdict, *SECTIONS, labels, trials)


def render_template(
    name: str, comparison: Comparison, *, finish: Callable[[object], object] | None = None, **values: Any
) -> str:
    """The template `name`, filled in, with the values that every format shows."""
    return templates(finish).get_template(name).render(comparison=comparison, **_shared(comparison), **values)


def templates(finish: Callable[[object], object] | None = None) -> Environment:
    """The templates, with the wording that they use as filters.

    Every value is escaped for HTML, unless `finish` marked it. `finish` gets every value first: it escapes it for
    another format, or changes it.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = (by_class, by_size, choices, ends, found, limit, looked_for, place, shares)
    environment.filters |= {name: each for module in WORDS for name, each in getmembers(module, isfunction)}
    environment.filters |= {each.__name__: each for each in own}
    environment.globals |= {
        "PURPOSES": PURPOSES,
        "MANY": MANY,
        "ENDS": ENDS,
        "OPEN": OPEN,
        "CELLS": CELLS,
    }
    environment.globals |= {
        "duration": wording.duration,
        "fixed4": partial(wording.fixed, digits=4),
        "percent2": partial(wording.percent, digits=2),
    }
    return environment


def _shared(comparison: Comparison) -> dict[str, Any]:
    """The values that every format shows."""
    request = comparison.request
    return {
        "families": wording.enumeration([wording.family_title(family) for family in request.families]),
        "created": datetime.fromisoformat(comparison.environment.created).strftime("%d %B %Y, %H:%M %Z"),
        "replicates": wording.plural(len(request.seeds), "seed"),
        "settings": settings(comparison),
        "duplicates": {dataset.name: duplicates(dataset) for dataset in comparison.datasets},
        "data": {section.name: section for section in comparison.data},
        "pictures": {each.name: {picture.index: picture for picture in each.mistaken} for each in comparison.data},
        "all_classes": sum(len(each.classes) * len(each.models) for each in comparison.datasets) <= FOLDED,
        "has_many": any(len(dataset.classes) > MANY for dataset in comparison.datasets),
        "cached": sum(stage.cached for stage in comparison.stages),
    }


def settings(comparison: Comparison) -> dict[str, str]:
    """The request in words, for a person who wants to repeat it."""
    request = comparison.request
    search, training = request.search, request.training
    return {
        "families": ", ".join(request.families),
        "budget": ", ".join(map(wording.count, request.budgets))
        or ", ".join(f"{d.name} {wording.count(d.budget)}" for d in comparison.datasets),
        "images": f"at most {wording.count(request.examples)} of each part" if request.examples else "all",
        "search": f"{search.tuner}, {wording.plural(search.trials, 'trial')} of "
        f"{wording.plural(search.epochs, 'epoch')} on {wording.percent(search.fraction, 0)} of the training part"
        + (f", the better half of each {search.cohort} going on" if search.cohort > 1 else ""),
        "training": f"{wording.plural(training.epochs, 'epoch')}, batches of {training.batch_size}, augmentation "
        f"{'on' if training.augment else 'off'}, deterministic {'on' if training.deterministic else 'off'}",
        "loop": f"over {training.loop}",
        "tricks": wording.tricks(training.tricks.model_dump()),
        "seeds": ", ".join(map(str, request.seeds)),
        "replicates differ in": wording.enumeration(list(training.vary)),
        "backend": request.backend,
    }


def duplicates(dataset: DatasetComparison) -> str:
    """The numbers of images that two parts share, in words; an empty text when there are none."""
    numbers: Mapping[str, int] = dataset.facts.get("duplicates", {})
    return ", ".join(f"{number:,} {name.replace('_', ' and ')}" for name, number in numbers.items() if number)


class ClassRow(NamedTuple):
    """One class in a table: the scores of each family that has a result, by its name."""

    name: str
    support: int
    scores: dict[str, ClassScore]


def by_class(dataset: DatasetComparison) -> list[ClassRow]:
    """Every class with test examples, the lowest F1 first, in the mean of its families; nothing without a result."""
    done = [model for model in dataset.models if model.status == "done"]
    columns = zip(*(model.classes for model in done), strict=True)
    rows = [
        ClassRow(scores[0].name, scores[0].support, {m.family: score for m, score in zip(done, scores, strict=True)})
        for scores in columns
        if scores[0].support
    ]
    return sorted(rows, key=lambda row: sum(score.f1 for score in row.scores.values()))


def choices(hyperparameters: Mapping[str, bool | int | float | str]) -> str:
    """Hyper-parameters on one line."""
    return ", ".join(f"{name} {trials.choice(value)}" for name, value in hyperparameters.items())


def place(stage: StageRecord) -> str:
    """The place of a stage: its data set, family, budget, seed and shard, as far as it has them."""
    budget = None if stage.budget is None else f"{wording.count(stage.budget)} parameters"
    seed = None if stage.seed is None else f"seed {stage.seed}"
    shard = None if stage.shard is None else f"shard {stage.shard}"
    family = None if stage.family is None else wording.family_title(stage.family)
    return ", ".join(part for part in (stage.dataset, family, budget, seed, shard) if part)


def shares(model: Model) -> list[list[float]]:
    """The confusion matrix, each row divided by its sum; the row of a class without examples is all zero."""
    rows = [[0.0] * len(model.classes) for _ in model.classes]
    for true, predicted, number in model.confusion:
        rows[true][predicted] = float(number)
    return [[cell / max(1.0, sum(row)) for cell in row] for row in rows]


def by_size(classes: Sequence[ClassCount]) -> list[ClassCount]:
    """The largest class first."""
    return sorted(classes, key=lambda each: -sum(each.counts.values()))


def looked_for(finding: Finding) -> str:
    """What the gate looked for, in words."""
    return LOOKED_FOR.get(finding.name, finding.name)


def found(finding: Finding) -> str:
    """How much of it there is: "3 of 620, 0.5 %"."""
    if finding.name == "imbalance":
        return _ratio(finding.share)
    parts = [wording.significant(n, 12) for n in (finding.found, finding.of) if n is not None]
    shares = [] if finding.share is None else [wording.percent(finding.share)]
    return ", ".join([" of ".join(parts), *shares] if parts else shares)


def limit(finding: Finding) -> str:
    """How much the gate lets pass: a ratio, or a share of the images, which may be several times their number."""
    if finding.name == "imbalance":
        return _ratio(finding.limit)
    many = finding.limit is not None and finding.limit > 1
    return f"{wording.ratio(finding.limit or 0)} times as many" if many else wording.percent(finding.limit)


def _ratio(number: float | None) -> str:
    return wording.UNKNOWN if number is None else f"{wording.ratio(number)} for one"
