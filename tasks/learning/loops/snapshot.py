"""A training's state as bytes: the variables of a model, of its seed generators and of its optimizer, with facts.

The bytes are an .npz of plain arrays; nothing is pickled. The optimizer's iteration count is one of its variables, so
the learning rate continues where it was. The seeds of dropout are variables of its layers (`keras.Layer.variables`).
"""

import io
import json
from typing import Any

import keras
import numpy as np


def snapshot(model: keras.Model, facts: dict[str, Any]) -> bytes:
    """The state of the compiled `model`, with `facts`, which must fit into JSON."""
    stream = io.BytesIO()
    arrays = {_name(n): keras.ops.convert_to_numpy(variable) for n, variable in enumerate(_variables(model))}
    np.savez(stream, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
    return stream.getvalue()


def restore(model: keras.Model, state: bytes) -> dict[str, Any]:
    """Put `state` into `model` and return the facts. `model` must be built and compiled like the original."""
    with np.load(io.BytesIO(state), allow_pickle=False) as stored:
        for n, variable in enumerate(_variables(model)):
            variable.assign(stored[_name(n)])
        return json.loads(stored["facts"].item())


def _variables(model: keras.Model) -> list[keras.Variable]:
    """All variables in the order of their creation. Their names do not serve: they depend on earlier models."""
    if not model.optimizer.built:  # Keras would build it at the first step, too late for `restore`
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _name(n: int) -> str:
    return f"variable-{n}"
