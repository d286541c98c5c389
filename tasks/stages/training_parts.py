"""The parts of a dataset that a model learns from and is validated on, as the search and the training read them."""

from pathlib import Path
from typing import Any

from tasks.data import arrays
from tasks.stages.model_settings import ModelSettings


def training_parts(data: Path, settings: ModelSettings) -> tuple[Any, Any]:
    """The training and the validation part in `data`: those of the dataset, or those of the model's own split."""
    from tasks.learning.resplit import resplit

    train, validation = arrays.read(data, "train"), arrays.read(data, "validation")
    return (train, validation) if settings.split is None else resplit(train, validation, settings.split)
