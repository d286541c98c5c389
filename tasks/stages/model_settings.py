"""The settings that the search and the training of a family share: the part of the request that shapes a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tasks.data import arrays
from tasks.runs.stage import Input
from tasks.settings.dataset import Augmentation
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import BUDGET_TOLERANCE, SEED_ALONE, Training
from tasks.settings.values import Budget, Frozen, Hyperparameters, Name

if TYPE_CHECKING:
    from tasks.learning.network import Description

TRAINING_FILES = (*arrays.files("train"), *arrays.files("validation"), arrays.FACTS)  # never those of the test part


class ModelSettings(Frozen):
    """Everything that one trained model depends on, except its data and its hyper-parameters.

    `split` is the number of its own train/validation partition, where it has one.
    """

    family: Name
    budget: Budget
    tolerance: float = (
        BUDGET_TOLERANCE  # the key covers no code of `tasks.settings`, so it must cover the number itself
    )
    training: Training
    augmentation: Augmentation
    seed: int
    split: Annotated[int | None, Field(exclude_if=lambda split: split is None)] = None
    backend: str

    def network(self, data: Path, hyperparameters: Hyperparameters) -> "Description":
        """The network for the images in the folder `data`; what is not in `hyperparameters` takes its default."""
        from tasks.learning.network import Description

        is_mirrored = self.training.tricks.mirror_mean and self.augmentation.flip
        return Description(
            family=self.family,
            budget=self.budget,
            tricks=self.training.tricks.model_copy(update={"mirror_mean": is_mirrored}),
            hyperparameters=hyperparameters,
            **arrays.network_facts(data),
        )


def model_settings(request: Request, place: Place, epochs: int) -> ModelSettings:
    """The settings at `place`, without how many replicates there are and what they differ in: no single model knows.

    What belongs to no seed, as a search of all replicates does, has that of the run, and the dataset's own split.
    Both families have the same split under one seed.
    """
    dataset = request.dataset(place.dataset)
    alone = {"replicates": 1, "epochs": epochs, "vary": SEED_ALONE}
    return ModelSettings.model_validate(
        {
            "family": place.family,
            "budget": place.budget or dataset.budget,
            "training": request.training.model_copy(update=alone),
            "augmentation": dataset.augmentation,
            "seed": request.seed if place.seed is None else place.seed,
            "split": place.seed if "split" in request.training.vary else None,
            "backend": request.backend,
        }
    )


def training_data(place: Place) -> Input:
    """The training and validation parts of the dataset."""
    return Input("normalize", place.at("dataset"), TRAINING_FILES)


def gpus() -> int:
    """How many GPUs this process holds."""
    from tasks.learning.cost import devices

    return devices.gpus()


def family_modules(request: Request, place: Place) -> tuple[str, ...]:
    """The module of the family, which the stages load by its name."""
    return (family_module(place.family),)


def family_module(family: str | None) -> str:
    """The module of a family."""
    return f"tasks.models.{family}"
