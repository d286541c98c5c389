"""The DAG's edges: those that it has, and those on record, which `edges.txt` holds for any dataset and any family."""

from itertools import product
from pathlib import Path
from typing import Any

from tasks.settings.loading import Configuration

EDGES = Path(__file__).with_name("edges.txt").read_text(encoding="utf-8").splitlines()


def edges(dag: Any) -> set[str]:
    """Every edge of a DAG."""
    return {f"{task.task_id} -> {after}" for task in dag.tasks for after in task.downstream_task_ids}


def recorded_edges(config: Configuration) -> set[str]:
    """Every edge that a DAG of these datasets and families has to have; `watched` are those with a location."""
    of_watched = [edge for edge in EDGES if "{watched}" in edge]
    branches = [{"dataset": dataset, "family": family} for dataset, family in product(config.datasets, config.families)]
    watched = [name for name, dataset in config.datasets.items() if dataset.location]
    return {edge.format(**branch) for branch in branches for edge in EDGES if edge not in of_watched} | {
        edge.format(watched=name) for name in watched for edge in of_watched
    }
