"""Answers of models on a test part that is not their own: measured once, and kept as an artifact of `judge`.

The key covers the models, the test part and the code, so that a retry and `verify` find the same answers again. They
are measured in a process of its own, because a backend is chosen before Keras is imported.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from tasks.data import arrays
from tasks.registry.champions.answers.asking import NOT_BUILT, Task, answer
from tasks.registry.champions.answers.published import Answers, together
from tasks.registry.champions.documents import NamedModel
from tasks.registry.trained import MODEL_FILES
from tasks.runs.companion import NoAnswerError, answers
from tasks.runs.records import now, recorded_manifest
from tasks.settings.workflow import JUDGE
from tasks.storage.artifacts import Manifest, artifact_key, commit, find_whole, materialized
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError
from tasks.storage.provenance import code_digest, computing_libraries, lock_digest, versions

PATIENCE = 3600.0  # seconds for the answers of one model
AGAIN = "judge the candidate again, and they are measured anew"
Say = Callable[[str], None]


class CommonPart(NamedTuple):
    """The test part that is common to both sides: its digest, and a run with the key of its `normalize` artifact."""

    digest: str
    run: str
    normalize: str


def measure(store: Store, named: NamedModel, part: CommonPart, backend: str, say: Say) -> str | None:
    """The key of the artifact with the model's answers on a test part; None where the present code cannot build it.

    Raises:
        DataError: an artifact that is needed is missing or damaged.
        NoAnswerError: the process that measures did not end by itself.
        StoreError: the store cannot be reached.
    """
    models = {seed: _manifest(store, "train", named.artifacts[f"train/seed-{seed}"]) for seed in named.seeds}
    parts = _parts_of_key(named, part, backend, models)
    key = artifact_key(JUDGE.name, **parts)
    if find_whole(store, JUDGE.name, key):
        say(f"the answers of run {named.run} on the present test part are there already: {key}")
        return key
    say(f"measuring the {named.family} of run {named.run} again, on the present test part")
    data = _manifest(store, "normalize", part.normalize)
    with TemporaryDirectory(prefix=f"{JUDGE.name}-") as scratch:
        output = Path(scratch)
        if not _measured(store, data, models, backend, output):
            return None
        commit(store, JUDGE.name, key, output, parts | _circumstances(part, data, models), {})
    return key


def kept(store: Store, key: str, named: NamedModel) -> Answers:
    """The answers of the artifact `key`, whose digests are checked.

    Raises:
        DamagedError: it is missing, or not as it was committed.
    """
    manifest = _manifest(store, JUDGE.name, key)
    names = [_file(seed) for seed in named.seeds]
    if odd := {*names} ^ manifest.files.keys():
        raise DamagedError(_place(JUDGE.name, key), f"expected the answers of every seed, received {odd}", AGAIN)
    with materialized(store, manifest, names) as folder:
        pairs = [_read(folder / name) for name in names]
    return together(_place(JUDGE.name, key), pairs)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return stored["y_true"], stored["y_pred"]


def _measured(store: Store, data: Manifest, models: dict[int, Manifest], backend: str, output: Path) -> bool:
    """Whether the models could be asked; then their answers lie in the folder `output`."""
    with ExitStack() as stack:
        test = stack.enter_context(materialized(store, data, arrays.files("test")))
        tasks = []
        for seed, model in models.items():
            folder = stack.enter_context(materialized(store, model, MODEL_FILES))
            tasks.append(Task(folder, test, output / _file(seed)))
        found = answers(answer, tasks, {"KERAS_BACKEND": backend}, PATIENCE)
    if found.fault:
        raise NoAnswerError(f"measuring the models again: {found.fault}; try again")
    return NOT_BUILT not in found.found


def _parts_of_key(named: NamedModel, part: CommonPart, backend: str, models: dict[int, Manifest]) -> dict[str, Any]:
    modules = (answer.__module__, f"tasks.models.{named.family}")
    return {
        "settings": {"family": named.family, "seeds": list(named.seeds), "backend": backend},
        "inputs": {"test-part": part.digest} | {f"seed-{seed}": model.digest for seed, model in models.items()},
        "code": code_digest(modules),
        "libraries": computing_libraries(modules, backend),
    }


def _circumstances(part: CommonPart, data: Manifest, models: dict[int, Manifest]) -> dict[str, Any]:
    parents = {f"seed-{seed}": f"{model.stage}/{model.key}" for seed, model in models.items()}
    return {
        "run": part.run,
        "parents": parents | {"test-part": f"{data.stage}/{data.key}"},
        "at": now(),
        "versions": versions(),
        "lock": lock_digest(),
    }


def _manifest(store: Store, stage: str, key: str) -> Manifest:
    return recorded_manifest(store, {"stage": stage, "key": key})


def _place(stage: str, key: str) -> str:
    return f"artifacts/{stage}/{key}"


def _file(seed: int) -> str:
    return f"seed-{seed}.npz"
