"""Train: one replicate with the best hyper-parameters, under its own seed, over a fixed schedule."""

import json
from functools import partial
from typing import Any

from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place, search_place
from tasks.settings.request import Request
from tasks.stages.model_settings import ModelSettings, family_modules, gpus, model_settings, training_data
from tasks.stages.training_parts import training_parts


def settings(request: Request, place: Place) -> ModelSettings:
    """The training's part of the request."""
    return model_settings(request, place, request.training.epochs)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The training and validation parts, and the best trial of the search."""
    return {"data": training_data(place), "choice": Input("choose", search_place(request, place), ("best.json",))}


def run(work: Work) -> dict[str, Any]:
    """Write the model's weights and configuration, history.json and metrics.json."""
    from tasks.learning import loop, network

    settings: ModelSettings = work.settings
    data = work.inputs["data"]
    best = json.loads((work.inputs["choice"] / "best.json").read_text(encoding="utf-8"))
    hyperparameters = best["hyperparameters"]
    description = settings.network(data, hyperparameters)
    fitted = loop.fit(
        partial(network.assemble, description),
        *training_parts(data, settings.split),
        loop.Recipe(settings.training, settings.augmentation, hyperparameters, settings.seed),
        work.progress,
        work.checkpoints,
    )
    network.save(fitted.model, description, work.output)
    held = gpus()
    metrics = {
        "seed": settings.seed,
        "parameters": fitted.model.count_params(),
        "epochs": len(fitted.history),
        "val_accuracy": fitted.history[-1]["val_accuracy"],
        "train_seconds": fitted.train_seconds,
        "cpu_seconds": fitted.cpu_seconds,
        "energy_joules": None if held else fitted.energy_joules,  # that of the processors alone would be a part of it
        "peak_memory_bytes": fitted.peak_memory_bytes,
        "gpus": held,
        "setup_seconds": fitted.setup_seconds,
        "validation_seconds": fitted.validation_seconds,
        "checkpoint_seconds": fitted.checkpoint_seconds,
    }
    (work.output / "history.json").write_text(json.dumps(fitted.history, indent=1), encoding="utf-8")
    (work.output / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    return metrics


STAGE = Stage("train", settings, inputs, run, modules=family_modules, gpus=gpus, heavy="tasks.learning.loop")
