"""Ways to train one network on the same noise, taking turns in one process. Each says how fast it was."""

import time
from functools import partial
from typing import Any

import keras
import numpy as np

from tasks.learning.loop import Recipe, compile_for, fit
from tasks.learning.network import assemble
from tasks.runs.meter import Taken
from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration
from tests.bench.clock import Speed, speed, timed
from tests.bench.stand_in import described, noise


class Contest:
    """One network of a dataset's shape and budget, and so many images; batches and tricks of the quick profile.

    Attributes:
        description: the network.
        recipe: how it is trained.
        train: images, uint8 [n, h, w, c], and labels, [n].
    """

    def __init__(
        self, configuration: Configuration, dataset: Dataset, family: str, images: int, optimizer: str = "muon"
    ):
        training = configuration.profiles["quick"].training
        tricks = training.tricks.model_copy(update={"optimizer": optimizer})
        # Without `least_steps`: so few images would come in smaller batches than the other ways have.
        settings = training.model_copy(update={"epochs": 1, "tricks": tricks, "least_steps": 0})
        self.description = described(dataset, family).model_copy(update={"tricks": tricks})
        self.recipe = Recipe(settings, dataset.augmentation, {}, 0)
        self.train = noise(dataset, images)
        self._validation = noise(dataset, settings.batch_size)
        self._plain = assemble(self.description)
        compile_for(self._plain, self.recipe, steps=1_000_000)
        self._fit(*(part[: settings.batch_size] for part in self.train))  # the first step is the compiler's

    def ours(self) -> tuple[Speed, float]:
        """Our `fit`, augmentation and all; and the share of its seconds that steps took."""
        steps: list[tuple[int, float]] = []
        fitted = fit(partial(self._watched, steps), self.train, self._validation, self.recipe, lambda line: None)
        images, seconds = map(sum, zip(*steps[1:], strict=True))  # the first step is the compiler's: it is set-up
        return speed(images, Taken(fitted.train_seconds, fitted.cpu_seconds)), seconds / fitted.train_seconds

    def plain(self) -> Speed:
        """The plainest `Model.fit`."""
        _, taken = timed(lambda: self._fit(*self.train))
        return speed(len(self.train[0]), taken)

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        targets = keras.utils.to_categorical(labels, self.description.classes)
        self._plain.fit(images, targets, batch_size=self.recipe.training.batch_size, verbose=0)

    def _watched(self, steps: list[tuple[int, float]]) -> keras.Model:
        """The network; each of its training steps adds its images and its seconds to `steps`."""
        model = assemble(self.description)
        step = model.train_on_batch

        def watched(images: np.ndarray, *arguments: Any, **names: Any) -> Any:
            start = time.perf_counter()
            logs = step(images, *arguments, **names)
            steps.append((len(images), time.perf_counter() - start))
            return logs

        model.train_on_batch = watched
        return model
