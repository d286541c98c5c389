"""The datasets as Airflow's assets: an event of one is a doorbell, which says that a dataset has changed, and not how.

Whoever starts because of it reads the dataset's present files himself.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset, AssetAny

from dags.stage_operators import runner, settings
from tasks.settings.loading import Configuration
from tasks.settings.workflow import WATCH

FOLDER = "dataset/"


def asset(dataset: str) -> Asset:
    """The asset of a dataset: its name says which, and nothing says where its files lie."""
    name = f"{FOLDER}{dataset}"
    # A scheme that begins with x- belongs to nobody, so no provider is asked, and imported, to check it (AIP-60).
    return Asset(name=name, uri=f"x-like-for-like://{name}")


class Doorbells(AssetAny):
    """Any of these assets, in few words: Airflow writes out the schedule of a DAG for every edge that it reads."""

    def __repr__(self) -> str:
        return f"Doorbells of {len(self.objects)}"


def rung(events: Iterable[Asset]) -> list[str]:
    """The datasets whose assets are among `events`, in order; as a run's `triggering_asset_events` lists them."""
    return sorted(each.name.removeprefix(FOLDER) for each in events if each.name.startswith(FOLDER))


def asked(params: Mapping[str, Any], events: Iterable[Asset]) -> dict[str, Any]:
    """The parameters of a run: those of its form, or those by default for the datasets that started it."""
    datasets = rung(events)
    return dict(params) | ({"datasets": datasets} if datasets else {})


def watched(config: Configuration) -> list[str]:
    """The datasets whose location may change and is looked at."""
    return [name for name, each in config.datasets.items() if each.location and config.orchestration.retraining.watch]


def watch(dataset: str, config: Configuration, **options: Any) -> Any:
    """The task that looks at a dataset's location, as the configured runner does. Only its success rings."""
    operator, shared = runner(config.orchestration).OPERATOR, settings(WATCH.name, config.orchestration)
    return operator(
        task_id=WATCH.name, doc_md=WATCH.summary, dataset=dataset, outlets=[asset(dataset)], **shared | options
    )
