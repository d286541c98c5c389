"""The comparison of one run: the typed, versioned report whose JSON, `report.json`, is the source of truth.

`report.html`, `report.md` and `report.csv` are views of it, and `explore.ipynb` reads it. Fractions (accuracy, F1,
differences) are between 0 and 1, times in seconds, sizes in bytes. What is not known is null; NaN and infinity never
appear. A field may be added without a new version; one that changes its meaning or goes makes a new `schema_version`.
What contradicts itself is refused.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.comparison.schema.data import DataSection
from tasks.comparison.schema.differences import Conclusion, Difference
from tasks.comparison.schema.forecast import Forecast
from tasks.comparison.schema.mistakes import Gallery
from tasks.comparison.schema.models import Baseline, Centroid, Model
from tasks.comparison.schema.since import Since
from tasks.comparison.schema.values import Count, Number
from tasks.settings.request import Request
from tasks.settings.values import Frozen

SCHEMA_VERSION: Literal[4] = 4


class Clause(Frozen):
    """One clause of the fairness contract: what it promises, what was found; `holds` is null when nothing could be."""

    name: str
    promise: str
    found: str
    holds: bool | None


class DatasetComparison(Frozen):
    """One dataset at one budget: the verdict first, then its evidence.

    Attributes:
        differences: one for every family but the reference (`ann`, or the run's first family), where both have results.
        baseline: null where no family has a result, or where the training part's counts are not known.
        centroid: null where no family has a result, or where an earlier release evaluated.
        mistakes: galleries of test images; the pictures are in the dataset's section of `data`.
        facts: what `normalize` found: examples by part, duplicates across parts, per-channel statistics.
    """

    name: str
    title: str
    budget: Count
    classes: tuple[str, ...]
    verdict: str
    differences: tuple[Difference, ...]
    baseline: Baseline | None = None
    centroid: Centroid | None = None
    models: tuple[Model, ...]
    mistakes: tuple[Gallery, ...] = ()
    fairness: tuple[Clause, ...]
    facts: dict[str, Any]


class Stretch(Frozen):
    """Neighbouring budgets of a run, rising, at all of which `family` stands alike to `reference`.

    `conclusion` is that of their differences; unknown where there are none.
    """

    family: str
    reference: str
    conclusion: Conclusion | Literal["unknown"]
    budgets: tuple[Count, ...]


class Frontier(Frozen):
    """One dataset over the several budgets of a run: where a family's advantage begins and where it ends.

    The stretches of a family cover the budgets in order. Between two budgets nothing was measured.
    """

    name: str
    title: str
    verdict: str
    stretches: tuple[Stretch, ...]


class StageRecord(Frozen):
    """What one stage did in this run; `cached` when it reused an earlier run's artifact.

    Attributes:
        cpu_seconds: of its process from its start, and of those that it started; null in records of an earlier release.
        gpus: how many it held; null where that is not known, as when the process was killed.
    """

    stage: str
    dataset: str | None = None
    family: str | None = None
    budget: int | None = None
    seed: int | None = None
    shard: int | None = None
    status: str
    cached: bool
    key: str | None = None
    seconds: Number
    setup_seconds: Number = 0.0
    cpu_seconds: Number | None = None
    gpus: int | None = None
    started: str | None = None
    ended: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "StageRecord":
        """What a report keeps of the record that a stage left."""
        return cls(**{name: record[name] for name in cls.model_fields if record.get(name) is not None})


class Environment(Frozen):
    """Where and when: releases by name, facts of the machine by name, the moment of the report (ISO 8601, UTC).

    `renderer` is what made the documents: the same renderer makes the same bytes again.
    """

    versions: dict[str, str]
    machine: dict[str, str]
    created: str
    renderer: dict[str, str] = Field(default_factory=dict)


class Comparison(Frozen):
    """The whole report of one run.

    Attributes:
        status: complete when every family of every dataset has a result at every budget, else partial.
        notice: a sentence that every view shows first; null unless the run used a sample of the images.
        datasets: one for each dataset of the run, at each of its budgets where there are several.
        frontiers: one for each dataset of a run with several budgets.
        data: one for each dataset of the run.
        confidence: of every interval of one family; 1 - confidence is the level of all tests together. Looks at growing
            evidence share it, so that `level` is smaller.
        forecast: what `plan` expected the run to take, beside what it took; null where it expected nothing.
        reproduce: the command that asks for the same run again.
        code: the digest of the code of each stage, by STAGE/DATASET or STAGE/DATASET/FAMILY.
        since: what differs from the run before, and what that did; null where there is none to compare with.
        request: all that the run was asked, but for the mirror: the digests say what was read, and an address may hold
            a password.
    """

    schema_version: Literal[4] = SCHEMA_VERSION
    run: str
    status: Literal["complete", "partial"]
    notice: str | None = None
    confidence: Number
    datasets: tuple[DatasetComparison, ...]
    frontiers: tuple[Frontier, ...] = ()
    data: tuple[DataSection, ...] = ()
    stages: tuple[StageRecord, ...]
    environment: Environment
    forecast: Forecast | None = None
    reproduce: str
    request: Request
    code: dict[str, str] = Field(default_factory=dict)
    since: Since | None = None

    @model_validator(mode="after")
    def _is_of_these_seeds(self):
        seeds = {each.seed for dataset in self.datasets for model in dataset.models for each in model.replicates}
        if unknown := sorted(seeds - {*self.request.seeds}):
            raise ValueError(
                f"expected models of the seeds {self.request.seeds}, received one of the seed {unknown[0]}"
            )
        return self

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The run's answers: each dataset's over its budgets where there are several, else at its one budget."""
        return tuple(part.verdict for part in self.frontiers or self.datasets)

    @property
    def level(self) -> float:
        """Of the test of every difference: smaller than 1 - confidence where evidence is looked at several times."""
        return next((each.level for dataset in self.datasets for each in dataset.differences), 1 - self.confidence)

    def label(self, dataset: DatasetComparison) -> str:
        """The title, with the budget where that alone does not say which comparison it is."""
        return f"{dataset.title}, {dataset.budget:,} parameters" if self.frontiers else dataset.title
