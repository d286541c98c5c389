"""Airflow's assets: an event of one says that something has changed, and not how.

Each dataset has three. The first has an event when its files have changed: a run that starts because of it reads the
present files itself. The second has one when a run has a result about it, which may bring a new champion. The third has
one when such a result has passed the gate, so that an older one no longer waits for a person.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset, AssetAlias, AssetAny

from dags.stage_operators import command
from tasks.settings.loading import Configuration
from tasks.settings.workflow import WATCH

FOLDER, CANDIDATES, PASSED = "dataset/", "candidate/", "passed/"
# The outlet of a task that has events for some datasets and not for others: it adds their assets as it runs.
CANDIDATE = AssetAlias(name="candidate")


def asset(dataset: str) -> Asset:
    """The asset of a dataset's files: its name says which, and nothing says where they lie."""
    return _asset(f"{FOLDER}{dataset}")


def candidate(dataset: str) -> Asset:
    """The asset of a dataset's results."""
    return _asset(f"{CANDIDATES}{dataset}")


def passed(dataset: str) -> Asset:
    """The asset of a dataset's candidates that the gate let pass."""
    return _asset(f"{PASSED}{dataset}")


def _asset(name: str) -> Asset:
    # A scheme that begins with x- belongs to nobody, so no provider is asked, and imported, to check it (AIP-60).
    return Asset(name=name, uri=f"x-like-for-like://{name}")


class AnyOf(AssetAny):
    """Any of these assets, in few words: Airflow writes out, and hashes, the schedule of a DAG for every edge of it."""

    def __repr__(self) -> str:
        return f"any of {len(self.objects)} assets"

    def __hash__(self) -> int:
        return hash(len(self.objects))


def any_of(assets: Iterable[Asset]) -> AnyOf | None:
    """The schedule of who starts at any of these; None where there are none."""
    found = AnyOf(*assets)
    return found if found.objects else None


def changed(events: Iterable[Asset], folder: str = FOLDER) -> list[str]:
    """The datasets whose assets of one kind are among `events`, in order.

    `events` are those of a run's `triggering_asset_events`.
    """
    return sorted(each.name.removeprefix(folder) for each in events if each.name.startswith(folder))


def asked(params: Mapping[str, Any], events: Iterable[Asset], folder: str = FOLDER) -> dict[str, Any]:
    """The parameters of a run: those of its form, or those by default for the datasets that started it."""
    datasets = changed(events, folder)
    return dict(params) | ({"datasets": datasets} if datasets else {})


def watched(config: Configuration) -> list[str]:
    """The datasets whose location may change and is looked at."""
    return [name for name, each in config.datasets.items() if each.location and config.orchestration.retraining.watch]


def watch(dataset: str, config: Configuration, **options: Any) -> Any:
    """The task that looks at a dataset's location, as the configured runner does. Only its success is an event."""
    return command(WATCH, config.orchestration, dataset=dataset, outlets=[asset(dataset)], **options)
