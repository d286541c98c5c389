"""Search: the family's hyper-parameters, chosen on the validation part alone."""

import json
from typing import Any

from tasks.request import Augmentation, Budget, Frozen, Name, Request, Training
from tasks.request import Search as SearchSettings
from tasks.stage import Input, Place, Stage, Work

TRAINING_FILES = ("train.npz", "validation.npz", "statistics.json")  # never test.npz


class Settings(Frozen):
    """What the trials depend on; replicates and the length of the final training are not part of it."""

    family: Name
    shape: tuple[int, int, int]
    classes: int
    budget: Budget
    search: SearchSettings
    training: Training
    augmentation: Augmentation
    seed: int
    backend: str


def settings(request: Request, place: Place) -> Settings:
    """The search's part of the request; the fields of `training` that a search does not use are levelled."""
    dataset = request.dataset(place.dataset)
    return Settings(
        family=place.family,
        shape=dataset.shape,
        classes=len(dataset.classes),
        budget=dataset.budget,
        search=request.search,
        training=request.training.model_copy(update={"replicates": 1, "epochs": request.search.epochs}),
        augmentation=dataset.augmentation,
        seed=request.seed,
        backend=request.backend,
    )


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The training and validation parts."""
    return {"data": Input("normalize", place.at("dataset"), TRAINING_FILES)}


def run(work: Work) -> dict[str, Any]:
    """Write trials.json, every trial in order, and best.json, the one to train with."""
    from tasks import arrays, tuning
    from tasks.network import Description

    wish: Settings = work.settings
    data = work.inputs["data"]
    facts = wish.model_dump(include={"family", "shape", "classes", "budget"})
    material = tuning.Material(
        description=Description(**facts, **arrays.scaling(data)),
        train=arrays.read(data / "train.npz"),
        validation=arrays.read(data / "validation.npz"),
        training=wish.training,
        augmentation=wish.augmentation,
        seed=wish.seed,
    )
    trials: list[tuning.Trial] = []

    def keep(trial: tuning.Trial) -> None:
        trials.append(trial)
        outcome = f"val_accuracy {trial.score:.3f}" if trial.score is not None else f"failed: {trial.error}"
        work.progress(f"trial {trial.number + 1}/{wish.search.trials} done, {outcome}")

    tuning.search(material, wish.search, work.output / "tuner", keep, work.progress)
    best = tuning.best(trials)
    dump = [trial.model_dump(mode="json") for trial in trials]
    (work.output / "trials.json").write_text(json.dumps(dump, indent=1), encoding="utf-8")
    choice = {"hyperparameters": best.hyperparameters, "trial": best.number}
    (work.output / "best.json").write_text(json.dumps(choice, indent=1), encoding="utf-8")
    return {"trials": len(trials), "failed": sum(trial.score is None for trial in trials), "best": choice}


STAGE = Stage(
    "search", "family", settings, inputs, run, modules=lambda p: (f"tasks.models.{p.family}",), heavy="tasks.tuning"
)
