"""What the search and the training of a family share: the part of the request that shapes a model's training."""

from typing import Any

from tasks.runs.stage import Input
from tasks.settings.dataset import Augmentation
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import BUDGET_TOLERANCE, Training
from tasks.settings.values import Budget, Frozen, Name

TRAINING_FILES = ("train.npz", "validation.npz", "statistics.json")  # never test.npz


class Experiment(Frozen):
    """All that one trained model depends on, but for its data and its hyper-parameters."""

    family: Name
    shape: tuple[int, int, int]
    classes: int
    budget: Budget
    tolerance: float = BUDGET_TOLERANCE  # no code of the settings is part of a key, so the number itself has to be
    training: Training
    augmentation: Augmentation
    seed: int
    backend: str

    def network(self) -> dict[str, Any]:
        """What of it shapes the network, as `tasks.learning.network.Description` takes it."""
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


def family_modules(request: Request, place: Place) -> tuple[str, ...]:
    """The module that a family's name stands for."""
    return (f"tasks.models.{place.family}",)
