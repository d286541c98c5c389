"""Evaluate: every replicate of a family is measured once on the test part, and its predictions are kept.

No other stage measures a model on the test part.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.data import arrays
from tasks.data.part import LABELS
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Name
from tasks.stages.model_settings import family_modules

MODEL_FILES = ("model.json", "model.weights.h5")


class Settings(Frozen):
    """The replicates to measure."""

    family: Name
    seeds: tuple[int, ...]
    backend: str


def settings(request: Request, place: Place) -> Settings:
    """The family, its seeds and the backend."""
    return Settings.model_validate({"family": place.family, "seeds": request.seeds, "backend": request.backend})


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The test part, and the model of every seed."""
    models = {f"seed-{seed}": Input("train", replace(place, seed=seed), MODEL_FILES) for seed in request.seeds}
    return {"data": Input("normalize", place.at("dataset"), arrays.files("test"))} | models


def run(work: Work) -> dict[str, Any]:
    """Write seed-N.npz (y_true, y_pred, y_prob) for every seed, and metrics.json."""
    import numpy as np

    from tasks.learning import network
    from tasks.learning.metrics import measure

    test = arrays.read(work.inputs["data"], "test")
    replicates = []
    for seed in work.settings.seeds:
        folder = work.inputs[f"seed-{seed}"]
        model = network.load(folder)
        y_prob, seconds = network.timed_probabilities(model, test.images)
        metrics = measure(test.labels, y_prob)
        y_pred = y_prob.argmax(axis=1).astype(LABELS)
        np.savez_compressed(work.output / f"seed-{seed}.npz", y_true=test.labels, y_pred=y_pred, y_prob=y_prob)
        replicates.append(
            metrics.model_dump(mode="json")
            | {"seed": seed, "parameters": model.count_params(), "inference_seconds_per_image": seconds}
            | {"model_bytes": _size(folder)}
        )
        work.progress(f"seed {seed}: accuracy {metrics.accuracy:.4f}")
    (work.output / "metrics.json").write_text(json.dumps({"replicates": replicates}, indent=1), encoding="utf-8")
    return {"accuracy": [replicate["accuracy"] for replicate in replicates]}


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in MODEL_FILES)


STAGE = Stage("evaluate", settings, inputs, run, modules=family_modules, heavy="tasks.learning.network")
