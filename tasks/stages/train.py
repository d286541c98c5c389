"""Train: one replicate with the best hyper-parameters, under its own seed, over a fixed schedule."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.stages.model_settings import ModelSettings, family_modules, model_settings, training_data


class Settings(ModelSettings):
    """What one training depends on; `split` is the number of its own train/validation partition, where it has one."""

    split: Annotated[int | None, Field(exclude_if=lambda split: split is None)] = None


def settings(request: Request, place: Place) -> Settings:
    """The training's part of the request. Both families have the same split under one seed."""
    shared = model_settings(request, place, place.seed, request.training.epochs)
    return Settings(**dict(shared), split=place.seed if "split" in request.training.vary else None)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The training and validation parts, and the best trial of the search."""
    return {"data": training_data(place), "choice": Input("choose", place.at("family"), ("best.json",))}


def run(work: Work) -> dict[str, Any]:
    """Write the model's weights and configuration, history.json and metrics.json."""
    from tasks.data import arrays
    from tasks.learning import loop, network
    from tasks.learning.cost.devices import gpus

    settings: Settings = work.settings
    data = work.inputs["data"]
    best = json.loads((work.inputs["choice"] / "best.json").read_text(encoding="utf-8"))
    hyperparameters = best["hyperparameters"]
    description = network.Description(
        **settings.network(), **arrays.network_facts(data), hyperparameters=hyperparameters
    )
    fitted = loop.fit(
        partial(network.assemble, description),
        *_parts(data, settings.split),
        loop.Recipe(settings.training, settings.augmentation, hyperparameters, settings.seed),
        work.progress,
        work.checkpoints,
    )
    network.save(fitted.model, description, work.output)
    metrics = {
        "seed": settings.seed,
        "parameters": fitted.model.count_params(),
        "epochs": len(fitted.history),
        "val_accuracy": fitted.history[-1]["val_accuracy"],
        "train_seconds": fitted.train_seconds,
        "cpu_seconds": fitted.cpu_seconds,
        "energy_joules": fitted.energy_joules,
        "peak_memory_bytes": fitted.peak_memory_bytes,
        "gpus": gpus(),
        "setup_seconds": fitted.setup_seconds,
        "validation_seconds": fitted.validation_seconds,
        "checkpoint_seconds": fitted.checkpoint_seconds,
    }
    (work.output / "history.json").write_text(json.dumps(fitted.history, indent=1), encoding="utf-8")
    (work.output / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    return metrics


def _parts(data: Path, split: int | None) -> tuple[Any, Any]:
    """The training and the validation part: those of the dataset, or those of the replicate's own split."""
    from tasks.data import arrays
    from tasks.learning.resplit import resplit

    train, validation = arrays.read(data, "train"), arrays.read(data, "validation")
    return (train, validation) if split is None else resplit(train, validation, split)


STAGE = Stage("train", settings, inputs, run, modules=family_modules, heavy="tasks.learning.loop")
