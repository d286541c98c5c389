"""Evaluate: every replicate of a family is measured once on the test part, and its predictions are kept.

No other stage measures a model on the test part. How sure a model is of its answers is set right by one temperature,
which is fitted on the validation part. The nearest centroid is measured too, as a floor. For data that may change, the
model of the version before is measured on the present test part too, so that a report can say what the new data are
worth.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tasks.data import arrays
from tasks.data.part import LABELS, Part
from tasks.errors import RequestError
from tasks.runs.companion import answers
from tasks.runs.stage import WARNING, Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Name
from tasks.stages.model_settings import TRAINING_FILES, family_modules, gpus
from tasks.stages.training_parts import training_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.learning.cost.latency import Latency

MODEL_FILES = ("model.json", "model.weights.h5")


class Settings(Frozen):
    """The replicates to measure; with `split`, each has its own train/validation partition, as its training had."""

    family: Name
    seeds: tuple[int, ...]
    split: Annotated[bool, Field(exclude_if=lambda split: not split)] = False
    backend: str


def settings(request: Request, place: Place) -> Settings:
    """The family, its seeds, whether their validation parts differ, and the backend."""
    split = "split" in request.training.vary
    return Settings.model_validate(
        {"family": place.family, "seeds": request.seeds, "split": split, "backend": request.backend}
    )


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The test and validation parts, the centroids, and the model of every seed.

    Where each seed has a validation part of its own, the training part too. Of data that may change, the first seed's
    model before they did.
    """
    models = {_input(seed): Input("train", replace(place, seed=seed), MODEL_FILES) for seed in request.seeds}
    learned = TRAINING_FILES if "split" in request.training.vary else (*arrays.files("validation"), arrays.FACTS)
    files = (*arrays.files("test"), *learned, arrays.CENTROIDS)
    data = {"data": Input("normalize", place.at("dataset"), files)}
    if request.dataset(place.dataset).location is None:
        return data | models
    first = replace(place, seed=request.seeds[0])
    return (
        data
        | models
        | {
            "earlier-data": Input("normalize", place.at("dataset"), (arrays.FACTS,), version="previous"),
            "earlier": Input("train", first, MODEL_FILES, version="previous"),
        }
    )


def run(work: Work) -> dict[str, Any]:
    """Write seed-N.npz (y_true, y_pred, y_prob) for every seed, and metrics.json; `earlier.npz` where there is one."""
    from tasks.learning.centroids import nearest_accuracy
    from tasks.learning.cost.latency import has_one_thread

    test, is_timed_here = arrays.read(work.inputs["data"], "test"), has_one_thread(work.variables)
    replicates = [_replicate(work, seed, test, is_timed_here) for seed in work.settings.seeds]
    centroids = arrays.centroids(work.inputs["data"])
    found: dict[str, Any] = {
        "replicates": replicates,
        "nearest_centroid": nearest_accuracy(centroids, test.images, test.labels),
    }
    if {"earlier", "earlier-data"} <= work.inputs.keys():
        found["earlier"] = _earlier(work, test)
    if not is_timed_here:
        for replicate, taken in zip(replicates, _timed_elsewhere(work), strict=False):
            replicate.update(_named(taken))
    (work.output / "metrics.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return {"accuracy": [replicate["accuracy"] for replicate in replicates]}


def _replicate(work: Work, seed: int, test: Part, is_timed: bool) -> dict[str, Any]:
    """The numbers of the model of `seed`, with the times of its predictions where they can be taken here."""
    from tasks.learning import network
    from tasks.learning.cost.latency import Latency, latency

    model = network.load(work.inputs[_input(seed)])
    measured, y_prob = _measured(work, _input(seed), model, test)
    calibrated = _calibrated(work, seed, model, test.labels, y_prob)
    return measured | {"seed": seed} | calibrated | _named(latency(model) if is_timed else Latency())


def _calibrated(work: Work, seed: int, model: Any, y_true: "NDArray", y_prob: "NDArray") -> dict[str, Any]:
    """The model's temperature, fitted on its validation part, and the scores of its predictions at that temperature."""
    from tasks.learning import network, temperature
    from tasks.learning.metrics import calibrated

    images, labels = _validation(work, seed)
    fitted = temperature.fit(labels, network.probabilities(model, images)) if len(labels) else temperature.NONE
    scores = calibrated(y_true, y_prob, fitted)
    work.progress(f"{_input(seed)}: temperature {fitted:.3f}")
    return {"temperature": fitted, "calibrated": scores.model_dump(mode="json")}


def _validation(work: Work, seed: int) -> Any:
    """The images, maybe larger than the memory, and the labels that the model of `seed` was validated on."""
    data = work.inputs["data"]
    return training_parts(data, seed)[1] if work.settings.split else arrays.read(data, "validation")


def _timed_elsewhere(work: Work) -> "list[Latency]":
    """The times of the models' predictions by a process of one thread, up to where it failed; the rest is unknown."""
    from tasks.learning.cost.latency import NO_GPU, ONE_THREAD, PATIENCE, latency_of_saved

    folders = [work.inputs[_input(seed)] for seed in work.settings.seeds]
    taken = answers(latency_of_saved, folders, {**ONE_THREAD, **NO_GPU}, PATIENCE)
    if taken.fault:
        missing = f"{len(folders) - len(taken.found)} of {len(folders)} models"
        work.progress(f"{WARNING}the time of a prediction is not known of {missing}: {taken.fault}")
    return taken.found


def _named(taken: "Latency") -> dict[str, float | None]:
    return {"latency_seconds": taken.single, "batch_latency_seconds": taken.batched}


def _input(seed: int) -> str:
    return f"seed-{seed}"


def _measured(work: Work, name: str, model: Any, test: Part) -> "tuple[dict[str, Any], NDArray]":
    """The numbers of a model from the input `name`, and its probabilities. Its predictions are kept as NAME.npz."""
    import numpy as np

    from tasks.learning import network
    from tasks.learning.cost.flops import flops
    from tasks.learning.metrics import measure

    y_prob, seconds = network.timed_probabilities(model, test.images)
    metrics = measure(test.labels, y_prob)
    y_pred = y_prob.argmax(axis=1).astype(LABELS)
    np.savez_compressed(work.output / f"{name}.npz", y_true=test.labels, y_pred=y_pred, y_prob=y_prob)
    work.progress(f"{name}: accuracy {metrics.accuracy:.4f}")
    costs = {
        "parameters": model.count_params(),
        "inference_seconds_per_image": seconds,
        "model_bytes": _size(work.inputs[name]),
        "flops": flops(model),
    }
    return metrics.model_dump(mode="json") | costs, y_prob


def _earlier(work: Work, test: Part) -> dict[str, Any]:
    """What the model of the version before reaches on the present test part, or the reason why it cannot be asked."""
    before, present = (arrays.facts(work.inputs[name]) for name in ("earlier-data", "data"))
    said = {"version": before.get("version"), "present": present.get("version"), "seed": work.settings.seeds[0]}
    if reason := arrays.incomparable(before, present):
        return said | {"reason": reason}
    if (model := _loaded(work.inputs["earlier"])) is None:
        return said | {"reason": "the present code no longer builds it"}
    measured, _ = _measured(work, "earlier", model, test)
    return said | {"accuracy": measured["accuracy"], "n": len(test.labels)}


def _loaded(folder: Path) -> Any:
    """The model of an earlier run, or None where its family has changed since."""
    from tasks.learning import network

    try:
        return network.load(folder)
    except (ValueError, RequestError):
        return None


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in MODEL_FILES)


STAGE = Stage("evaluate", settings, inputs, run, modules=family_modules, gpus=gpus, heavy="tasks.learning.network")
