"""The history of a store's runs, `reports/history.json`: what each report says of its results, in few words."""

from typing import Literal

from pydantic import Field

from tasks.comparison.schema.values import Count, Number, Share
from tasks.settings.request import RunId
from tasks.settings.values import Frozen, Name


class Result(Frozen):
    """One family on one dataset at one budget: means over the seeds, in seconds and shares.

    `conclusion` is that of the difference to the reference; null for the reference itself.
    """

    dataset: Name
    title: str
    budget: Count
    family: Name
    accuracy: Share
    low: Share
    high: Share
    seeds: Count
    parameters: Count
    train_seconds: Number
    conclusion: str | None = None


class Row(Frozen):
    """One run with a report.

    Attributes:
        number: of the run, in the order of the store's runs.
        mark: what tells whether its report.json is another one than when the row was made.
        created: when the report was made, as ISO 8601 in UTC.
        sample: how many images of each part were used at most; null where all were.
        data: the version of the data by dataset; of pinned files, a digest of what they are pinned to.
        code: a digest of the code of each stage, by STAGE/DATASET or STAGE/DATASET/FAMILY, as far as it is known.
        results: without those of families that have none.
    """

    run: RunId
    number: Count
    mark: str
    created: str
    profile: Name
    sample: Count | None = None
    data: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)
    results: tuple[Result, ...] = ()


class Promoted(Frozen):
    """A model that became the champion of its dataset: the entry `number` of the ledger; `present` if it still is."""

    dataset: Name
    budget: Count
    family: Name
    run: RunId
    number: Count
    present: bool = False


class PassedOver(Frozen):
    """A run whose report cannot be read, with the reason; `mark` as that of a row."""

    run: str
    mark: str
    reason: str


class History(Frozen):
    """Every run with a report, the earliest first.

    `reads` is the schema version of the reports that its writer could read: another release may read others.
    """

    version: Literal[1] = 1
    reads: int
    rows: tuple[Row, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    promoted: tuple[Promoted, ...] = ()

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The runs that were passed over, by the reason."""
        found: dict[str, list[str]] = {}
        for each in self.passed_over:
            found.setdefault(each.reason, []).append(each.run)
        return found
