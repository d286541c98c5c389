"""KerasTuner's own Hyperband on a run's data, and our search and training in the core-seconds that it took.

Both have the same network, data and batches. Hyperband is used as its documentation shows: its defaults, a hypermodel
that compiles with Adam at a tuned learning rate, and `fit` with the validation part. It augments nothing, and the best
epoch of its best trial counts: https://keras.io/keras_tuner/api/tuners/hyperband. These functions run in a process of
their own, and never read the test part.
"""

import importlib
import itertools
import math
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import HALVING
from tasks.stages.model_settings import model_settings
from tests.bench.fitting import Result, epoch_cost, trained

LONGEST = 100  # epochs of a trial, Hyperband's own default


def all_epochs(longest: int) -> int:
    """How many epochs Hyperband trains in all, where its longest trial has so many.

    A trial that is continued costs only its further epochs. See `_get_size` and `_get_epochs` of its oracle.
    """
    brackets = next(number for number in itertools.count(1) if HALVING**number > longest)
    survivors, epochs = math.ceil(1 + math.log(longest, HALVING)), 0
    for bracket in range(brackets):
        rounds = [HALVING**left for left in range(bracket, -1, -1)]
        ends = [math.ceil(longest / part) for part in rounds]
        sizes = [math.ceil(survivors / (bracket + 1) * part) for part in rounds]
        epochs += sum(size * (end - start) for size, start, end in zip(sizes, [0, *ends], ends, strict=False))
    return epochs


def longest_trial(epochs: float) -> int:
    """The `max_epochs` with which Hyperband trains about so many epochs in all."""
    return min(range(1, LONGEST + 1), key=lambda longest: abs(all_epochs(longest) - epochs))


def epochs_of(request: Request) -> float:
    """The epochs of all trials of one of our searches, and of one training after it."""
    search = request.search
    return search.trials * search.epochs * search.fraction + request.training.epochs


def by_hyperband(request: Request, place: Place, folder: Path, longest: int) -> Result:
    """The best model of KerasTuner's Hyperband, under the seed of `place`."""
    start = time.process_time()
    import keras
    import keras_tuner

    from tasks.data import arrays

    keras.utils.set_random_seed(place.seed or 0)
    settings = model_settings(request, place, request.training.epochs)
    train, validation = arrays.read(folder, "train"), arrays.read(folder, "validation")
    with tempfile.TemporaryDirectory() as own:
        tuner = keras_tuner.Hyperband(
            partial(_compiled, settings.network(folder, {}), train[0]),
            objective="val_accuracy",
            max_epochs=longest,
            seed=1 + (place.seed or 0),  # 0 means none
            directory=own,
        )
        batch = request.training.batch_size
        tuner.search(*train, validation_data=validation, batch_size=batch, verbose=0)
        (best,) = tuner.oracle.get_best_trials(1)
    return Result(best.score, time.process_time() - start)


def by_us(request: Request, place: Place, folder: Path, seconds: float) -> Result:
    """Our search, and a training of what it chose, for as many epochs as are left of so many core-seconds."""
    start = time.process_time()
    values = _chosen(request, place, folder)
    searched = time.process_time() - start
    epochs = (seconds - searched) / epoch_cost(request, place, values, folder)
    reached = trained(_longer(request, max(1, int(epochs))), place, values, folder)
    return reached._replace(cpu_seconds=searched + reached.cpu_seconds)


def _longer(request: Request, epochs: int) -> Request:
    return request.model_copy(update={"training": request.training.model_copy(update={"epochs": epochs})})


def _compiled(description: Any, images: Any, hp: Any) -> Any:
    """The hypermodel: our family's network of the choices that `hp` makes, compiled as a user would."""
    import keras

    from tasks.learning.network import FAMILIES, adapt, assemble

    importlib.import_module(f"{FAMILIES}.{description.family}").choices(hp, description.tricks)
    model = assemble(description.with_hyperparameters(hp.values))
    adapt(model, images)
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _chosen(request: Request, place: Place, folder: Path) -> dict[str, Any]:
    """The hyper-parameters that our search chooses."""
    from tasks.data import arrays
    from tasks.learning.search.proposals import TrialShare
    from tasks.learning.search.trial_runner import SearchInput, search
    from tasks.learning.search.trials import best

    settings = model_settings(request, place, request.search.epochs)
    given = SearchInput(
        settings.network(folder, request.search.first_of(settings.family)),
        arrays.read(folder, "train"),
        arrays.read(folder, "validation"),
        settings.training,
        settings.augmentation,
        settings.seed,
    )
    share = TrialShare(request.search.model_copy(update={"shards": 1}), range(request.search.trials))
    return best(search(given, share, lambda trials: None, lambda line: None)).hyperparameters
