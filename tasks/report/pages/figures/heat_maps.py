"""The confusion of many classes as a heat map without numbers."""

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import count, family_title
from tasks.report.pages.figures.svg import WIDTH, canvas, identifier, inline, style

CELLS = 200  # on a side, at most: a cell of more classes stands for several neighbours
BLUE = (40, 130, 200)  # stays apart from a light page and from a dark one


def heat_map(dataset: DatasetComparison, model: Model) -> str:
    """Every true class (row) by predicted class (column); the darker, the larger the share of the true class."""
    classes = len(dataset.classes)
    with style(**{"axes.grid": False}):
        figure = canvas(WIDTH, family_title(model.family))
        axes = figure.add_subplot(xlabel="predicted class", ylabel="true class")
        low, high = 0.5, classes + 0.5
        axes.imshow(_painted(binned_shares(model, classes)), interpolation="none", extent=(low, high, high, low))
    label = f"Confusion of {family_title(model.family)} over {count(classes)} classes of {dataset.title}"
    return inline(figure, identifier(dataset.name, dataset.budget, "confusion", model.family), label)


def binned_shares(model: Model, classes: int) -> NDArray[np.float64]:
    """Shares of the true classes (rows) that were taken for each class (columns), in at most CELLS bins each way."""
    bins = min(classes, CELLS)
    matrix = np.zeros((bins, bins))
    if model.confusion:
        true, predicted, number = np.array(model.confusion).T
        np.add.at(matrix, (true * bins // classes, predicted * bins // classes), number)
    return matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))


def _painted(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The pixels, RGBA; by the root of the share, so that what is rare can be seen too."""
    alpha = np.round(255 * np.sqrt(shares))
    return np.dstack([*(np.full_like(alpha, part) for part in BLUE), alpha]).astype(np.uint8)
