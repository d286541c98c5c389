"""What a run needs besides data: known before anything is spent.

Every family of the run is asked for a model of every dataset and budget, as the search's first trial will be. Nothing
is allocated for it.
"""

import importlib
import importlib.util
import math
from collections.abc import Callable, Iterator
from functools import partial

from tasks.data.readers import format_named, offered
from tasks.errors import RequestError
from tasks.runs.imports import import_lean
from tasks.settings.dataset import Dataset
from tasks.settings.request import Request
from tasks.settings.training import BUDGET_TOLERANCE
from tasks.stages.model_settings import family_module

COPIES = 4  # of the weights in a training: themselves, their gradients, and what an optimizer keeps of them at least
FLOAT = 4  # bytes
LEAST_CLASSES = 2  # what a dataset has whose data tell the classes


def check(request: Request, memory: int | None) -> None:
    """Refuse a run that cannot succeed. `memory` is that of the machine which trains, in bytes; None is not known.

    Raises:
        RequestError: a line for each thing that is missing, too large, or does not go together.
    """
    missing = _missing_backend(request.backend)
    problems = [missing] if missing else [*_formats(request), *_too_large(request, memory), *_families(request)]
    if problems:
        raise RequestError("\n".join(dict.fromkeys(problems)))


def _missing_backend(backend: str) -> str | None:
    if importlib.util.find_spec(backend):
        return None
    return (
        f"KERAS_BACKEND: expected an installed library, received {backend!r}; install it where the stages run, "
        "or name another one, by the variable or as the `backend` of the profile"
    )


def _formats(request: Request) -> Iterator[str]:
    """A format reads what its dataset is made of, and gets as many `FILES` for a part as it says."""
    for dataset in request.datasets:
        if problem := _problem(partial(offered, dataset.reader, "read" if dataset.shape else "samples")):
            yield f"{dataset.name}: {problem}"
            continue
        wanted = getattr(format_named(dataset.reader), "FILES", None)
        parts = (("train", dataset.splits.train), ("test", dataset.splits.test)) if dataset.splits else ()
        for part, files in parts:
            if wanted and len(files) != wanted:
                yield (
                    f"{dataset.name}: splits.{part}: expected {wanted} files for the format {dataset.reader}, "
                    f"received {len(files)}"
                )


def _too_large(request: Request, memory: int | None) -> Iterator[str]:
    """A lower bound: weights and one batch of images. A training needs more for what its layers put out."""
    for dataset in request.comparisons:
        images = request.training.batch_size * math.prod(dataset.image_shape)
        needed = FLOAT * (COPIES * dataset.budget + images)
        if memory and needed > memory:
            yield (
                f"{dataset.name}: expected a training that fits into this machine's {_gigabytes(memory)}, received one "
                f"that takes more than {_gigabytes(needed)}: {dataset.budget:,} parameters, batches of "
                f"{request.training.batch_size} images; lower the budget, the batch size or the shape"
            )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _families(request: Request) -> Iterator[str]:
    for family in request.families:
        module = family_module(family)
        if problem := _problem(partial(_load, module, request.backend)):
            yield f"families: {family} cannot be used: {problem}"
            continue
        for dataset in request.comparisons:
            if problem := _problem(partial(_build, request, family, dataset)):
                yield f"{dataset.name}, {family}: {problem}"


def _load(module: str, backend: str) -> None:
    """Import the module of a family, which may need what Keras can do without."""
    import_lean("tasks.learning.search.space", backend)
    importlib.import_module(module)


def _build(request: Request, family: str, dataset: Dataset) -> None:
    """Build the model of the first trial without its weights' memory.

    Raises:
        RequestError: it has another size than asked for, or its hyper-parameters are not the family's.
        Exception: whatever the family raises.
    """
    import keras

    from tasks.learning.network import Description
    from tasks.learning.search.space import first

    unknown = (0.0,) * dataset.image_shape[-1]  # what the data will tell
    description = Description(
        family=family, shape=dataset.image_shape, classes=len(dataset.classes) or LEAST_CLASSES, budget=dataset.budget,
        tricks=request.training.tricks, mean=unknown, std=unknown,
        hyperparameters=request.search.first_of(family),
    )  # fmt: skip
    with keras.StatelessScope(initialize_variables=False):
        count = first(description).model.count_params()
    if abs(count - dataset.budget) > BUDGET_TOLERANCE * dataset.budget:
        raise RequestError(
            f"expected a model within {100 * BUDGET_TOLERANCE:g} % of {dataset.budget:,} parameters, "
            f"received one of {count:,}"
        )


def _problem(work: Callable[[], object]) -> str | None:
    """Why `work` failed, on one line; None if it did not."""
    try:
        work()
    except (MemoryError, OSError):  # the machine's state of the moment, which another attempt may not meet
        raise
    except RequestError as error:
        return str(error)
    except Exception as error:  # whatever a person's own family does
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
    return None
