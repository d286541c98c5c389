"""A stored model's answers on a test part that is not its own, as `evaluate` would keep them."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tasks.data import arrays
from tasks.data.part import LABELS
from tasks.errors import RequestError
from tasks.runs.numerics import make_known

NOT_BUILT = "the present code no longer builds it"


class Task(NamedTuple):
    """The folder of a trained model, that of the data with the test part, and the file for the answers."""

    model: Path
    data: Path
    output: Path


def answer(task: Task) -> str | None:
    """Write y_true, y_pred and y_prob of the test part into the task's file, or return why the model has no answers.

    It is called in a process of its own, whose numeric libraries start as they do in a stage.
    """
    with TemporaryDirectory(prefix="keras-") as home:
        make_known(os.environ, Path(home))
        return _answer(task)


def _answer(task: Task) -> str | None:
    import numpy as np

    from tasks.learning import network

    try:
        model = network.load(task.model)
    except (ValueError, RequestError):
        return NOT_BUILT
    test = arrays.read(task.data, "test")
    y_prob = network.probabilities(model, test.images)
    y_pred = y_prob.argmax(axis=1).astype(LABELS)
    np.savez_compressed(task.output, y_true=test.labels, y_pred=y_pred, y_prob=y_prob)
    return None
