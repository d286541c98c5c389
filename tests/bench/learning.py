"""How soon a run's models knew how much, and what their search cost; all of it is read from the run's report."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from statistics import median
from typing import Any

from tests.bench.clock import total
from tests.bench.section import Row, Section, spread

# Accuracies by dataset and family: the table that this project set out from, and what it aims at on CPUs.
LEVELS = {
    ("fashion_mnist", "ann"): (0.88, 0.91),
    ("fashion_mnist", "cnn"): (0.89, 0.944),
    ("cifar10", "ann"): (0.47, 0.64),
    ("cifar10", "cnn"): (0.48, 0.91),
}


def learning(report: Mapping[str, Any]) -> list[Section]:
    """Time to accuracy, on the validation part, and the cost of the searches."""
    known = list(_models(report))
    reached = [
        _reached(dataset, model, level)
        for dataset, model in known
        for level in LEVELS.get((dataset, model["family"]), ())
    ]
    searched = [_searched(dataset, model) for dataset, model in known]
    sections = Section("Time to accuracy (validation part)", reached), Section("Cost of the searches", searched)
    return [section for section in sections if section.rows]


def _models(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for dataset in report["datasets"]:
        yield from ((dataset["name"], model) for model in dataset["models"] if model["status"] == "done")


def _reached(dataset: str, model: Mapping[str, Any], level: float) -> Row:
    """How many seeds reached `level` at the end of some epoch, and the first such epoch of those that did."""
    first = [
        (line["epoch"], seconds, _cpu(replicate, seconds))
        for replicate in model["replicates"]
        for line, seconds in [_first(replicate["history"], level)]
        if line
    ]
    return {
        "dataset": dataset,
        "family": model["family"],
        "parameters": model["parameters"],
        "accuracy": level,
        "seeds that reached it": f"{len(first)} of {len(model['replicates'])}",
        "epochs, median": median(epoch for epoch, _, _ in first) if first else None,
        **spread("seconds of training", (seconds for _, seconds, _ in first)),
        **spread("CPU seconds", (cpu for _, _, cpu in first if cpu is not None)),
    }


def _first(history: list[Mapping[str, Any]], level: float) -> tuple[Mapping[str, Any] | None, float]:
    passed = accumulate(line["seconds"] for line in history)
    hits = ((line, seconds) for line, seconds in zip(history, passed, strict=True) if line["val_accuracy"] >= level)
    return next(hits, (None, 0.0))


def _cpu(replicate: Mapping[str, Any], seconds: float) -> float | None:
    """The CPU seconds of so many seconds of a training; a report has them of the whole training only."""
    whole = replicate.get("cpu_seconds")
    return None if whole is None else whole * seconds / replicate["train_seconds"]


def _searched(dataset: str, model: Mapping[str, Any]) -> Row:
    """The trials' seconds beside those of one full training, set-up and validation included in both."""
    train, setup, validation = (
        median(replicate[f"{part}_seconds"] for replicate in model["replicates"])
        for part in ("train", "setup", "validation")
    )
    training = train + setup + validation
    trials = [trial["seconds"] for trial in model["trials"]]
    return {
        "dataset": dataset,
        "family": model["family"],
        "parameters": model["parameters"],
        "trials": len(trials),
        "search, s": sum(trials),
        "search, CPU s": total(trial.get("cpu_seconds") for trial in model["trials"]),
        "one training, s": training,
        "search by training": sum(trials) / training,
        "training's share in epochs": train / (train + validation),
        **spread("its epochs, CPU s", filter(None, (each.get("cpu_seconds") for each in model["replicates"]))),
    }
