"""Search: the family's hyper-parameters, chosen on the validation part alone."""

import json
import tempfile
from pathlib import Path
from typing import Any

from tasks.experiment import Experiment, experiment, family_modules, training_data
from tasks.request import Request
from tasks.request import Search as SearchSettings
from tasks.stage import Input, Place, Stage, Work


class Settings(Experiment):
    """What the trials depend on."""

    search: SearchSettings


def settings(request: Request, place: Place) -> Settings:
    """The search's part of the request; how long the final training is does not matter to it."""
    shared = experiment(request, place, request.seed, request.search.epochs)
    return Settings(**dict(shared), search=request.search)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The training and validation parts."""
    return {"data": training_data(place)}


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
        """Keep a trial for the artifact, and show it as progress."""
        trials.append(trial)
        outcome = f"val_accuracy {trial.score:.3f}" if trial.score is not None else f"failed: {trial.error}"
        work.progress(f"trial {trial.number + 1}/{wish.search.trials} done, {outcome}")

    with tempfile.TemporaryDirectory(prefix="tuner-") as folder:
        tuning.search(material, wish.search, Path(folder), keep, work.progress)
    best = tuning.best(trials)
    dump = [trial.model_dump(mode="json") for trial in trials]
    (work.output / "trials.json").write_text(json.dumps(dump, indent=1), encoding="utf-8")
    choice = {"hyperparameters": best.hyperparameters, "trial": best.number}
    (work.output / "best.json").write_text(json.dumps(choice, indent=1), encoding="utf-8")
    return {"trials": len(trials), "failed": sum(trial.score is None for trial in trials), "best": choice}


STAGE = Stage("search", "family", settings, inputs, run, modules=family_modules, heavy="tasks.tuning")
