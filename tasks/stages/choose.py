"""Choose: the best trial of all shards of one search, by its score on the validation part alone."""

import json
from dataclasses import replace
from typing import Any

from tasks.learning.search import trials
from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Name


class Settings(Frozen):
    """The choice depends on the shards' trials and on nothing else; the family says whose search it is."""

    family: Name


def settings(request: Request, place: Place) -> Settings:
    """The family."""
    return Settings.model_validate({"family": place.family})


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The trials of every shard."""
    shards = range(request.search.shards)
    return {f"shard-{shard}": Input("search", replace(place, shard=shard), ("trials.json",)) for shard in shards}


def run(work: Work) -> dict[str, Any]:
    """Write trials.json, every trial in order, and best.json, the hyper-parameters to train with.

    Raises:
        SearchError: every trial failed.
    """
    tried = trials.joined(trials.load((folder / "trials.json").read_bytes()) for folder in work.inputs.values())
    best = trials.best(tried)
    choice = {"hyperparameters": best.hyperparameters, "trial": best.number}
    (work.output / "trials.json").write_bytes(trials.dump(tried))
    (work.output / "best.json").write_text(json.dumps(choice, indent=1), encoding="utf-8")
    work.progress(f"trial {best.number} of {len(tried)}, val_accuracy {best.score:.3f}")
    return {"trials": len(tried), "failed": sum(trial.status == "failed" for trial in tried), "best": choice}


STAGE = Stage("choose", settings, inputs, run)
