"""What a message takes from the documents in the store, which Airflow's environment reads without the stages' code."""

import json
from collections.abc import Iterator
from itertools import count
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dags.store_access import stored
from tasks.errors import DiscreetError
from tasks.settings.workflow import report_key


class UnreadableError(DiscreetError):
    """A document is there, and is not what it should be; or nobody can tell whether it is there."""


class Part(BaseModel):
    """What is needed of a document; the rest of it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Difference(Part):
    """What the report concludes of a family beside another one."""

    family: str
    reference: str
    conclusion: str


class Dataset(Part):
    """A dataset of a report at one budget."""

    name: str
    title: str
    budget: int
    verdict: str
    differences: tuple[Difference, ...] = ()


class Frontier(Part):
    """A dataset of a report over its budgets."""

    verdict: str


class Since(Part):
    """The run before, and what changed since."""

    run: str
    line: str


class Report(Part):
    """A report of a run (tasks/comparison/schema/report.py)."""

    status: str
    datasets: tuple[Dataset, ...]
    frontiers: tuple[Frontier, ...] = ()
    since: Since | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """As the report itself puts them first."""
        return tuple(part.verdict for part in self.frontiers or self.datasets)

    def conclusions(self) -> Iterator[tuple[tuple[str, int, str, str], str]]:
        """Each conclusion, after the dataset, the budget and the families that it is about."""
        for dataset in self.datasets:
            for each in dataset.differences:
                yield (dataset.name, dataset.budget, each.family, each.reference), each.conclusion

    def changed_from(self, before: "Report") -> tuple[str, ...]:
        """The titles of the datasets of which something else is concluded than `before`."""
        earlier = dict(before.conclusions())
        changed = {key[0] for key, now in self.conclusions() if earlier.get(key, now) != now}
        return tuple(dict.fromkeys(each.title for each in self.datasets if each.name in changed))


class Record(Part):
    """What an attempt of a stage left (tasks/runs/records.py)."""

    error: str | None = None


Kind = TypeVar("Kind", bound=Part)


def read(kind: type[Kind], key: str) -> Kind | None:
    """The document under `key`; None where there is none.

    Raises:
        UnreadableError: the store cannot be asked, or what it holds is no such document.
    """
    try:
        body = stored(key)
    except Exception as error:  # of the settings, the connection, boto3 or the network
        raise UnreadableError(f"{key}: the store cannot be read: {type(error).__name__}: {error}") from None
    if body is None:
        return None
    try:
        return kind.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        raise UnreadableError(f"{key}: expected a JSON document of this release, received something else") from None


def read_report(run: str) -> Report | None:
    """The report of a run; raises as `read`."""
    return read(Report, report_key(run, "report.json"))


def reason_of(run: str, stage: str) -> str | None:
    """Why the last attempt of a stage of the whole run failed; None where it did not say. Raises as `read`."""
    said = None
    for attempt in count(1):
        number = "" if attempt == 1 else f".{attempt}"
        if (record := read(Record, f"runs/{run}/{stage}{number}.json")) is None:
            return said
        said = record.error
    return said
