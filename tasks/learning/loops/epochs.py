"""The loop for accelerators: all steps of an epoch in one compiled call, under JAX.

The images lie on the device as bytes. The plan of an epoch is all that goes there for it, and losses and accuracies are
all that comes back. Without this, a small network's step is over before Python has asked for the next one.
"""

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.learning.loops.device import altered
from tasks.learning.loops.plan import Chance, Plan
from tasks.learning.loops.steps import VALIDATION_BATCH, Arrays, Logs
from tasks.learning.loops.watch import Watch
from tasks.learning.mapped import pieces, row_bytes, taken

jax = importlib.import_module("jax")  # see `tasks.learning.loops.device`
jnp = jax.numpy

RESIDENT = 2**33  # bytes of images that stay on the device; more come for each epoch anew, piece by piece


class State(NamedTuple):
    """The values of a model's variables and of its optimizer's, as a compiled call takes and returns them."""

    trainable: list[Any]
    others: list[Any]
    optimizer: list[Any]


class Chunk(NamedTuple):
    """Steps that are taken in one call: the images and labels that they choose from, and their part of the plan."""

    images: Any
    labels: Any
    plan: Plan


class Epochs:
    """Trains and validates the compiled `model` on JAX' device. It keeps to the steps of `Steps`, within rounding."""

    def __init__(self, model: keras.Model, train: Arrays, validation: Arrays, chance: Chance):
        self._model, self._chance, self._classes = model, chance, model.output_shape[-1]
        self._train, self._validation = train, validation
        self._is_resident = sum(len(images) * row_bytes(images) for images, _ in (train, validation)) <= RESIDENT
        if self._is_resident:
            self._train, self._validation = (_put(images[:], labels) for images, labels in (train, validation))
        self._compiled: dict[int, Any] = {}  # by the number of steps
        self._evaluate = jax.jit(self._evaluated)
        model.optimizer.build(model.trainable_variables)

    def train(self, plan: Plan, watch: Watch) -> Logs:
        """Take the steps of `plan`: the means of their loss and accuracy. Compiling is set-up."""
        state, done = self._state(), 0
        logs: list[dict[str, Any]] = []
        for chunk in self._chunks(plan):
            state, found = self._call(state, chunk, watch)(state, *chunk)
            if logs:  # the call before the one just begun: the next chunk is read meanwhile, and no further ones
                watch.step(done / len(plan.rows), float(logs[-1]["loss"][-1]))
            done += len(chunk.plan.rows)
            logs.append(found)
        self._keep(state)
        every = {name: np.concatenate([np.asarray(log[name], np.float64) for log in logs]) for name in logs[0]}
        return {name: float(values.mean()) for name, values in every.items()}

    def _chunks(self, plan: Plan) -> Iterator[Chunk]:
        """The epoch in one chunk, of what lies on the device; or in several, of what is brought there."""
        images, labels = self._train
        if self._is_resident:
            yield Chunk(images, labels, plan)
            return
        for part in plan.parts(row_bytes(images)):
            rows = part.rows.ravel()
            order = np.arange(len(rows), dtype=np.int32).reshape(part.rows.shape)
            yield Chunk(*_put(taken(images, rows), labels[rows]), part._replace(rows=order))

    def _call(self, state: State, chunk: Chunk, watch: Watch) -> Any:
        """The compiled call for so many steps; it takes the memory of the state for its result."""
        steps = len(chunk.plan.rows)
        if steps not in self._compiled:
            with watch.setting_up():
                traced = jax.jit(self._trained, donate_argnums=0).lower(state, *chunk)
                self._compiled[steps] = traced.compile()
        return self._compiled[steps]

    def _trained(self, state: State, images: Any, labels: Any, plan: Plan) -> tuple[State, Any]:
        """The state after the steps of `plan`, and the loss and the accuracy of each."""

        def step(before: State, part: Plan) -> tuple[State, Any]:
            targets = jax.nn.one_hot(labels[part.rows], self._classes)
            return self._step(before, *altered(images[part.rows], targets, part, self._chance))

        return jax.lax.scan(step, state, plan)

    def _step(self, state: State, images: Any, targets: Any) -> tuple[State, Any]:
        """One step, as Keras' own trainer takes it: https://keras.io/guides/writing_a_custom_training_loop_in_jax/."""

        def loss(trainable: list[Any]) -> tuple[Any, tuple[Any, Any]]:
            logits, others, added = self._model.stateless_call(
                trainable, state.others, images, training=True, return_losses=True
            )
            return self._model.loss(targets, logits) + sum(added), (_accuracy(targets, logits), others)

        (value, (accuracy, others)), gradients = jax.value_and_grad(loss, has_aux=True)(state.trainable)
        trainable, optimizer = self._model.optimizer.stateless_apply(state.optimizer, gradients, state.trainable)
        return State(trainable, others, optimizer), {"loss": value, "accuracy": accuracy}

    def _variables(self) -> tuple[list[keras.Variable], ...]:
        """What a state has the values of, in its order."""
        model = self._model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables

    def _state(self) -> State:
        return State(*([variable.value for variable in each] for each in self._variables()))

    def _keep(self, state: State) -> None:
        """Give the model the values that a call returned; the memory of those before it is gone."""
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def validate(self) -> Logs:
        """Mean loss and accuracy over the validation part."""
        images, labels = self._validation
        cuts = [slice(None)] if self._is_resident else pieces(len(labels), row_bytes(images), VALIDATION_BATCH)
        state = self._state()
        sums = [self._evaluate(state.trainable, state.others, images[cut], labels[cut]) for cut in cuts]
        return {name: float(sum(each[name] for each in sums)) / len(labels) for name in ("loss", "accuracy")}

    def _evaluated(self, trainable: list[Any], others: list[Any], images: Any, labels: Any) -> Any:
        """The sums of loss and accuracy over some images, batch by batch; the last batch may be smaller."""
        full = len(labels) // VALIDATION_BATCH * VALIDATION_BATCH

        def sums(batch: tuple[Any, Any]) -> Any:
            targets = jax.nn.one_hot(batch[1], self._classes)
            logits, _ = self._model.stateless_call(trainable, others, batch[0], training=False)
            found = {"loss": self._model.loss(targets, logits), "accuracy": _accuracy(targets, logits)}
            return {name: mean * len(logits) for name, mean in found.items()}

        batches = [each[:full].reshape(-1, VALIDATION_BATCH, *each.shape[1:]) for each in (images, labels)]
        found = {name: jnp.sum(each) for name, each in jax.lax.map(sums, tuple(batches)).items()}
        if full == len(labels):
            return found
        rest = sums((images[full:], labels[full:]))
        return {name: found[name] + rest[name] for name in found}


def _put(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    """Bring them to the device; this returns before they are there."""
    return jax.device_put(images), jax.device_put(labels.astype(np.int32))


def _accuracy(targets: Any, logits: Any) -> Any:
    return jnp.mean(jnp.argmax(targets, axis=-1) == jnp.argmax(logits, axis=-1))
