"""The parts of a dataset that a model learns from and is validated on, as the search and the training read them."""

from pathlib import Path
from typing import Any

from tasks.data import arrays


def training_parts(data: Path, split: int | None) -> tuple[Any, Any]:
    """The training and the validation part in `data`: those of the dataset, or those of the model's own `split`."""
    from tasks.learning.resplit import resplit

    train, validation = arrays.read(data, "train"), arrays.read(data, "validation")
    return (train, validation) if split is None else resplit(train, validation, split)
