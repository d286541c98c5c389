"""Differences class by class: many questions of one comparison, and the level that they share.

Whoever looks at ten classes finds the most striking one, and ten intervals of 95 % do not hold together with 95 %. By
Bonferroni's inequality they do when each has a tenth of the level. The p-values are adjusted by the same number. So an
interval leaves out 0 if and only if its adjusted p-value is below the level, and the ends of a ranking may be named.
Holm's method would detect a little more. But no intervals of its own that tell more than a sign hold together with it.
Bonferroni's form goes back to Dunn, Journal of the American Statistical Association 56 (1961) 52-64; on Holm's method
and intervals: Strassburger and Bretz, Statistics in Medicine 27 (2008) 4914-4927.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.statistics.crossed import Estimate, Hits, of_difference
from tasks.comparison.statistics.level import ALPHA


class ClassEstimate(NamedTuple):
    """The difference of recall of one class.

    Attributes:
        label: of the class.
        estimate: over the seeds and the test examples of the class.
        low, high: an interval that holds together with those of the other classes.
        p_value: adjusted for their number.
    """

    label: int
    estimate: Estimate
    low: float
    high: float
    p_value: float


def of_classes(family: Hits, reference: Hits, labels: NDArray, level: float = ALPHA) -> list[ClassEstimate]:
    """The recall of `family` minus that of `reference`, of every class that the `labels` [examples] have.

    `level` is that of all classes together: ALPHA, or smaller where evidence is looked at several times. The p-values
    are as small as that level makes them count: they are to be compared with ALPHA.
    """
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    parts = np.split(order, starts[1:])
    return [
        _class(int(label), of_difference(family[:, part], reference[:, part]), level, len(parts))
        for label, part in zip(present, parts, strict=True)
    ]


def _class(label: int, estimate: Estimate, level: float, classes: int) -> ClassEstimate:
    low, high = (min(max(bound, -1.0), 1.0) for bound in estimate.interval(level / classes))
    return ClassEstimate(label, estimate, low, high, min(1.0, estimate.p_value * classes * ALPHA / level))
