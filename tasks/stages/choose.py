"""Choose: the join of a family's search at one budget. The best trial of all shards, on the validation part alone."""

import json
from dataclasses import replace
from typing import Any

from tasks.learning.search import trials
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Name


class Settings(Frozen):
    """All else that the choice depends on are the shards' trials."""

    family: Name


def settings(request: Request, place: Place) -> Settings:
    """The family."""
    return Settings.model_validate({"family": place.family})


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The trials of every shard."""
    shards = range(request.search.shards)
    return {f"shard-{shard}": Input("search", replace(place, shard=shard), ("trials.json",)) for shard in shards}


def run(work: Work) -> dict[str, Any]:
    """Write trials.json, every trial in order, and best.json, the one to train with.

    Raises:
        SearchError: every trial failed.
    """
    found = trials.joined(trials.load((folder / "trials.json").read_bytes()) for folder in work.inputs.values())
    best = trials.best(found)
    choice = {"hyperparameters": best.hyperparameters, "trial": best.number}
    (work.output / "trials.json").write_bytes(trials.dump(found))
    (work.output / "best.json").write_text(json.dumps(choice, indent=1), encoding="utf-8")
    work.progress(f"trial {best.number} of {len(found)}, val_accuracy {best.score:.3f}")
    return {"trials": len(found), "failed": sum(trial.score is None for trial in found), "best": choice}


STAGE = Stage("choose", settings, inputs, run)
