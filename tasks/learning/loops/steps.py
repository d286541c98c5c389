"""The loop for processors: Python takes each step, with any backend of Keras."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from tasks.learning.loops.augmentation import erased, flipped, mixed, shifted, whole
from tasks.learning.loops.plan import Chance, Plan
from tasks.learning.loops.watch import Watch
from tasks.learning.mapped import Images, pieces, row_bytes, taken

FLOAT = 4  # bytes
VALIDATION_BATCH = 1024
Arrays = tuple[Images, np.ndarray]
Logs = dict[str, float]


class Steps:
    """Trains and validates the compiled `model`; images are read and altered piece by piece, on the processor.

    On one CPU thread, a loop over `train_on_batch` is up to a half faster than `Model.fit` and its input pipeline.
    """

    def __init__(self, model: keras.Model, train: Arrays, validation: Arrays, chance: Chance):
        self._model, self._classes = model, model.output_shape[-1]
        self._train, self._validation, self._side = train, validation, chance.side
        self._is_compiled = False

    def train(self, plan: Plan, watch: Watch) -> Logs:
        """Take the steps of `plan`: the means of their loss and accuracy. The very first step is set-up."""
        logs: list[Logs] = []
        for images, targets in self._batches(plan):
            with contextlib.nullcontext() if self._is_compiled else watch.setting_up():
                logs.append(self._model.train_on_batch(images, targets, return_dict=True))
            self._is_compiled = True
            watch.step(len(logs) / len(plan.rows), logs[-1]["loss"])
        return {name: float(np.mean([log[name] for log in logs])) for name in ("loss", "accuracy")}

    def _batches(self, plan: Plan) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Images, uint8 [batch, h, w, c], and targets [batch, classes], as `plan` says."""
        images, labels = self._train
        for part in plan.parts(row_bytes(images)):
            shown = self._altered(taken(images, part.rows.ravel()), part)
            for step, rows in enumerate(part.rows):
                batch, targets = shown[step * len(rows) : (step + 1) * len(rows)], self._one_hot(labels[rows])
                if part.shares is not None:
                    pixels, targets = mixed(batch, targets, part.shares[step])
                    batch = whole(pixels)
                yield batch, targets

    def _altered(self, images: np.ndarray, part: Plan) -> np.ndarray:
        """The images of a part of the plan, all in one call: Python's overhead is per part, not per step."""
        if part.mirrored is not None:
            images = flipped(images, part.mirrored.ravel())
        if part.offsets is not None:
            images = shifted(images, part.offsets.reshape(-1, 2))
        if part.corners is not None:
            images = erased(images, part.corners.reshape(-1, 2), part.seeds.ravel(), self._side)
        return images

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        return keras.utils.to_categorical(labels, self._classes)

    def validate(self) -> Logs:
        """Mean loss and accuracy over the validation part."""
        images, labels = self._validation
        cuts = pieces(len(labels), row_bytes(images) + FLOAT * self._classes, VALIDATION_BATCH)
        logs = [self._evaluated(images[cut], self._one_hot(labels[cut])) for cut in cuts]
        sizes = [cut.stop - cut.start for cut in cuts]
        return {name: float(np.average([log[name] for log in logs], weights=sizes)) for name in logs[0]}

    def _evaluated(self, images: np.ndarray, targets: np.ndarray) -> Logs:
        return self._model.evaluate(images, targets, batch_size=VALIDATION_BATCH, verbose=0, return_dict=True)
