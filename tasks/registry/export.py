"""The export of a champion: its model as Keras and as ONNX with all preprocessing inside, and its model card.

It is an artifact like those of the stages: its key covers all that it says and does, and its manifest comes last.
"""

import json
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from tasks.data.arrays import FACTS, files
from tasks.errors import DataError, RequestError
from tasks.learning.portable.difference import TOLERANCE
from tasks.learning.portable.making import PATIENCE, VARIABLES, Made, make
from tasks.learning.portable.order import KERAS_FILE, ONNX_FILE, Order
from tasks.registry.card.text import card
from tasks.registry.champions.documents import NamedModel
from tasks.registry.packages import require
from tasks.registry.trained import Trained, artifact, replicate
from tasks.report.between.contrast import in_store
from tasks.runs.companion import NoAnswerError, answers
from tasks.runs.records import now
from tasks.runs.scratch import scratch_folder
from tasks.storage.artifacts import (
    Manifest,
    artifact_key,
    commit,
    digest_of,
    find,
    find_whole,
    materialize,
    materialized,
    read_file,
)
from tasks.storage.contract import Store
from tasks.storage.provenance import code_digest, computing_libraries, lock_digest, versions

STAGE = "export"
CARD, CLASSES = "README.md", "classes.json"
MAKERS = ("onnx", "onnxruntime", "tf2onnx")  # libraries that no result of a run depends on, so no other key has them
BACKEND = "tensorflow"
IMAGES, _ = files("test")
UNFINISHED = ".download-"  # begins the name of the folder, in the one asked for, for what is not verified yet
FORMAT = 1  # of the artifact: another one has other files, or files with other content
Say = Callable[[str], None]


class _Source(NamedTuple):
    """What an export is made from: the trained replicate, the data that it is checked on, and what the card says."""

    model: NamedModel
    trained: Trained
    weights: Manifest
    data: Manifest
    card: str


def require_makers() -> None:
    """Check that the packages are there that make an export.

    Raises:
        RequestError: at least one is not.
    """
    require((*MAKERS, "keras", "keras_tuner", BACKEND))


def export(store: Store, model: NamedModel, say: Say) -> str:
    """The key of the export of the model's replicate, which is made where the store does not have it whole.

    Raises:
        RequestError: a package that makes the files is not installed, or the run of the model has no report.
        DataError: an artifact is missing or damaged; or an exported file would not answer as the trained network does.
        NoAnswerError: the process that makes the files did not end by itself.
        StoreError: the store cannot be reached.
    """
    require_makers()
    weights, data = artifact(store, model, "train", model.replicate), artifact(store, model, "normalize")
    with replicate(store, model, model.replicate) as trained:
        text = card(in_store(store, model.run).comparison, model, trained.temperature)
        source = _Source(model, trained, weights, data, text)
        parts = _parts_of_key(store, source)
        key = artifact_key(STAGE, **parts)
        if is_whole(store, key):
            say(f"the export {key} is there already")
        else:
            say("exporting the model for Keras and ONNX; this takes about a minute")
            _commit(store, source, parts, key)
            say(f"exported as {key}")
    return key


def is_whole(store: Store, key: str) -> bool:
    """Whether the store has the export `key` with every file of it."""
    return find_whole(store, STAGE, key) is not None


def bring(store: Store, key: str, folder: Path) -> list[str]:
    """Bring the files of the export `key` into a new or empty folder, each verified; their names.

    Raises:
        RequestError: there is something else.
        DataError: the export is missing or damaged.
        OSError: the folder cannot be written to.
    """
    manifest = find(store, STAGE, key)
    if manifest is None:
        raise DataError(f"{store.uri}: expected the export {key}, found none; `champion download` makes it again")
    if folder.exists() and not _is_ours(folder, manifest):
        raise RequestError(f"{folder}: expected a new name or an empty folder, received another one; name another one")
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder, UNFINISHED) as scratch:
        materialize(store, manifest, manifest.files, scratch)
        for name in manifest.files:
            (scratch / name).replace(folder / name)
    return sorted(manifest.files)


def _is_ours(folder: Path, manifest: Manifest) -> bool:
    """Whether a folder holds nothing but what an earlier attempt brought, whole or not."""
    return folder.is_dir() and all(
        path.name.startswith(UNFINISHED) or (path.name in manifest.files and path.is_file())
        for path in folder.iterdir()
    )


def _parts_of_key(store: Store, source: _Source) -> dict[str, Any]:
    """Everything that the export depends on."""
    modules = (make.__module__, f"tasks.models.{source.model.family}")
    return {
        "settings": {"format": FORMAT, "facts": _facts(store, source), "card": digest_of(source.card)},
        "inputs": {each.stage: each.digest for each in (source.weights, source.data)},
        "code": code_digest(modules),
        "libraries": computing_libraries(modules, BACKEND) | _makers(),
    }


def _makers() -> dict[str, str]:
    """The releases of MAKERS, by name."""
    return {name: metadata.version(name) for name in MAKERS}


def _facts(store: Store, source: _Source) -> dict[str, str]:
    """What the ONNX file says of itself."""
    model = source.model
    return {
        "dataset": model.dataset,
        "classes": json.dumps(json.loads(read_file(store, source.data, FACTS))["classes"]),
        "family": model.family,
        "budget": str(model.budget),
        "run": model.run,
        "seed": str(source.trained.seed),
        "version": model.version or "",
        "temperature": repr(source.trained.temperature),
    }


def _commit(store: Store, source: _Source, parts: dict[str, Any], key: str) -> None:
    """Make the files, check them, and store them."""
    with tempfile.TemporaryDirectory(prefix="export-") as output, materialized(store, source.data, [IMAGES]) as data:
        order = Order(
            source.trained.folder,
            data / IMAGES,
            Path(output),
            source.trained.temperature,
            parts["settings"]["facts"],
        )
        made = _made(source.model, order)
        Path(output, CARD).write_text(source.card, encoding="utf-8")
        Path(output, CLASSES).write_text(parts["settings"]["facts"]["classes"], encoding="utf-8")
        circumstances = {
            "run": source.model.run,
            "parents": {each.stage: f"{each.stage}/{each.key}" for each in (source.weights, source.data)},
            "at": now(),
            "versions": versions() | _makers(),
            "lock": lock_digest(),
        }
        summary = {"checked_on": "test", "differences": {n: d._asdict() for n, d in made.differences.items()}}
        commit(store, STAGE, key, Path(output), parts | circumstances, summary)


def _made(model: NamedModel, order: Order) -> Made:
    """What a process under TensorFlow made.

    Raises:
        DataError: it made nothing, or something that answers other than the trained network.
        NoAnswerError: it was killed, or took too long.
    """
    what = f"export of {model.dataset}, {model.family} of {model.run}"
    found, fault = answers(make, [order], VARIABLES, PATIENCE)
    if not found:
        raise NoAnswerError(f"{what}: {fault}; try again")
    (made,) = found
    if made.fault:
        raise DataError(f"{what}: expected {KERAS_FILE} and {ONNX_FILE}, received none: {made.fault}")
    for name, difference in made.differences.items():
        if not difference.is_small:
            raise DataError(
                f"{what}: expected {name} to answer as the trained network, with probabilities within {TOLERANCE:g}; "
                f"received a difference of {difference.largest:.3g}, and another class for "
                f"{difference.unlike - difference.ties} images that are no ties"
            )
    return made
