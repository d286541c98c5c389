"""Search: one shard's share of a family's trials of hyper-parameters, scored on the validation part alone."""

from collections.abc import Sequence
from typing import Any

from tasks.runs.stage import Input, Stage, Work
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import Search as SearchSettings
from tasks.stages.model_settings import ModelSettings, family_modules, gpus, model_settings, training_data
from tasks.stages.training_parts import training_parts


class Settings(ModelSettings):
    """What the trials depend on: how to train and to search, and the numbers of this shard's trials."""

    search: SearchSettings
    numbers: tuple[int, ...]


def settings(request: Request, place: Place) -> Settings:
    """The search's part of the request, without the length of the final training.

    Other families do not matter either, nor other shards: the search is cut to this shard's trials.
    """
    shared = model_settings(request, place, request.search.epochs)
    search, family = request.search, shared.family
    numbers = search.numbers(place.shard or 0)
    first = {family: search.first[family]} if family in search.first else {}
    own = search.model_copy(update={"trials": len(numbers), "shards": 1, "first": first})
    return Settings(**dict(shared), search=own, numbers=numbers)


def inputs(request: Request, place: Place) -> dict[str, Input]:
    """The training and validation parts."""
    return {"data": training_data(place)}


def run(work: Work) -> dict[str, Any]:
    """Write trials.json, the shard's trials in order. Trials that an earlier attempt finished are not run again."""
    from tasks.learning.search import trial_runner, trials
    from tasks.learning.search.proposals import TrialShare

    settings: Settings = work.settings
    data = work.inputs["data"]
    train, validation = training_parts(data, settings.split)
    search_input = trial_runner.SearchInput(
        description=settings.network(data, settings.search.first_of(settings.family)),
        train=train,
        validation=validation,
        training=settings.training,
        augmentation=settings.augmentation,
        seed=settings.seed,
    )

    def keep(tried: Sequence[trials.Trial]) -> None:
        """Keep the finished trainings, and report the last one as progress."""
        work.checkpoints.save(len(tried), trials.dump(tried))
        trial, ended = tried[-1], len({training.number for training in tried})
        outcome = f"val_accuracy {trial.score:.3f}" if trial.score is not None else f"failed: {trial.error}"
        work.progress(f"trial {ended}/{len(settings.numbers)} done, {outcome}")

    state = work.checkpoints.latest()
    share = TrialShare(settings.search, settings.numbers, finished=trials.load(state) if state else ())
    tried = trial_runner.search(search_input, share, keep, work.progress)
    (work.output / "trials.json").write_bytes(trials.dump(tried))
    return {"trials": len(tried), "failed": sum(trial.status == "failed" for trial in tried)}


def needs(settings: Settings) -> tuple[str, ...]:
    """What Keras Tuner's Bayesian optimisation computes with."""
    return ("scipy", "sklearn") if settings.search.tuner == "bayesian" else ()


STAGE = Stage(
    "search",
    settings,
    inputs,
    run,
    modules=family_modules,
    gpus=gpus,
    heavy="tasks.learning.search.trial_runner",
    needs=needs,
)
