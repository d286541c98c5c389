"""The export of a trained network, in a process of its own: TensorFlow makes the files, whatever trained the network.

Weights of every backend of Keras load under TensorFlow. This module imports Keras in its functions, so that a new
process can be told its backend before.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tasks.errors import redacted
from tasks.learning.cost.latency import NO_GPU
from tasks.learning.portable.difference import Difference
from tasks.learning.portable.order import Order
from tasks.learning.portable.telemetry import NO_TELEMETRY

log = logging.getLogger(__name__)
VARIABLES: Mapping[str, str] = MappingProxyType({**NO_GPU, **NO_TELEMETRY, "KERAS_BACKEND": "tensorflow"})
PATIENCE = 3600.0  # seconds of the wall clock, for one model, through which all images go three times


class Made(NamedTuple):
    """What came of an order: the difference of each file, by its name, or why there are none."""

    differences: Mapping[str, Difference] = MappingProxyType({})
    fault: str | None = None


def make(order: Order) -> Made:
    """Write the files, and compare their answers with those of the trained network."""
    from tasks.learning.portable import files

    try:
        return Made(files.write(order))
    except Exception as error:  # converters raise errors of any kind at a layer that they do not know
        log.exception("no export")
        return Made({}, redacted(f"{type(error).__name__}: {error}"))
