"""What the search and the training of a family share: the part of the request that shapes a model's training."""

from typing import Any

from tasks.request import Augmentation, Budget, Frozen, Name, Request, Training
from tasks.stage import Input, Place

TRAINING_FILES = ("train.npz", "validation.npz", "statistics.json")  # never test.npz


class Experiment(Frozen):
    """All that one trained model depends on, but for its data and its hyper-parameters."""

    family: Name
    shape: tuple[int, int, int]
    classes: int
    budget: Budget
    training: Training
    augmentation: Augmentation
    seed: int
    backend: str

    def network(self) -> dict[str, Any]:
        """What of it shapes the network, as `tasks.network.Description` takes it."""
        return self.model_dump(include={"family", "shape", "classes", "budget"}) | {"tricks": self.training.tricks}


def experiment(request: Request, place: Place, seed: int | None, epochs: int) -> Experiment:
    """The experiment at `place`; the number of replicates is levelled, since no single model depends on it."""
    dataset = request.dataset(place.dataset)
    return Experiment.model_validate(
        {
            "family": place.family,
            "shape": dataset.shape,
            "classes": len(dataset.classes),
            "budget": place.budget or dataset.budget,
            "training": request.training.model_copy(update={"replicates": 1, "epochs": epochs}),
            "augmentation": dataset.augmentation,
            "seed": seed,
            "backend": request.backend,
        }
    )


def training_data(place: Place) -> Input:
    """The training and validation parts of the dataset."""
    return Input("normalize", place.at("dataset"), TRAINING_FILES)


def family_modules(place: Place) -> tuple[str, ...]:
    """The module that a family's name stands for."""
    return (f"tasks.models.{place.family}",)
