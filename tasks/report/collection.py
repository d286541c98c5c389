"""The evidence of a run for the report, collected from the stages' records and artifacts in the store."""

import io
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.comparison.data import Pictures, class_names, shown
from tasks.comparison.evidence import Branch, EarlierEvidence, ReplicateEvidence, SearchEvidence, confidence_of
from tasks.comparison.schema.report import Comparison, Environment
from tasks.report.documents import renderer
from tasks.report.strips import limits, pictures, strips
from tasks.runs.reasons import relative
from tasks.runs.records import now, recorded_manifest
from tasks.settings.dataset import Dataset
from tasks.settings.place import Place, branch_places, searches_of
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.artifacts import Manifest, digest_of, materialized, read_file
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError
from tasks.storage.provenance import lock_digest, machine, versions

log = logging.getLogger(__name__)
EXAMPLES = "examples.npy"  # what normalize calls the images of its examples
TEST_PART = "test-"  # how normalize begins the names of the files of that part
TEST_IMAGES = f"{TEST_PART}images.npy"
EARLIER = "earlier.npz"  # what evaluate calls the predictions of the model of the version before
Records = list[dict[str, Any]]
Say = Callable[[str], None]
Publish = Callable[[str, bytes], object]


def environment() -> Environment:
    """The library releases, the lock file's digest, the kind of machine, and what renders the report."""
    lock = lock_digest()
    locked = {"uv.lock": f"SHA-256 {lock}"} if lock else {}
    return Environment(versions=versions() | locked, machine=machine(), created=now(), renderer=renderer())


def legible(records: Records, request: Request, store: Store) -> Records:
    """The records of a run with reasons for any reader: no path of this machine, no address of a mirror."""
    reasons = [relative(record["error"], request, store) if record["error"] else None for record in records]
    return [record | {"error": reason} for record, reason in zip(records, reasons, strict=True)]


def facts_of(request: Request, store: Store, records: Records) -> dict[str, dict[str, Any]]:
    """The facts about each dataset that normalize finished. Damaged ones are left out, and named by the branches."""
    facts: dict[str, dict[str, Any]] = {}
    for dataset in request.datasets:
        with suppress(DamagedError):
            manifest = _BranchRecords(store, Place(dataset.name), records).manifest("normalize")
            facts |= {dataset.name: manifest.summary} if manifest else {}
    return facts


def code_of(store: Store, records: Records) -> dict[str, str]:
    """The digest of the code of every stage that is done, by its name, dataset and family.

    All tasks of a stage that differ in budget, seed or shard have the same code. Damaged ones are named elsewhere.
    """
    found: dict[str, str] = {}
    for record in records:
        parts = (record[name] for name in ("stage", "dataset", "family"))
        place = "/".join(part for part in parts if part)
        if record["key"] and record["status"] == "done" and place not in found:
            with suppress(DamagedError):
                made = recorded_manifest(store, record).made
                found |= {place: made["code"]} if "code" in made else {}  # an early release did not say
    return found


def pictures_of(comparison: Comparison, store: Store, records: Records) -> dict[str, Pictures]:
    """The pictures of each dataset whose data are there, and not damaged. A disk without room costs pictures only."""
    found: dict[str, Pictures] = {}
    for dataset in comparison.request.datasets:
        with suppress(DamagedError):
            manifest = _BranchRecords(store, Place(dataset.name), records).manifest("normalize")
            found |= {dataset.name: _drawn(comparison, dataset, store, manifest)} if manifest else {}
    return found


def _drawn(comparison: Comparison, dataset: Dataset, store: Store, manifest: Manifest) -> Pictures:
    needed = {EXAMPLES} | ({TEST_IMAGES} if shown(comparison, dataset.name) else set())
    try:
        with materialized(store, manifest, sorted(needed & manifest.files.keys())) as folder:
            return pictures_in(folder, comparison, dataset, manifest.summary)
    except OSError as error:
        log.warning("the report has no pictures of %s: %s", dataset.name, error.strerror or error)
        return Pictures(no_room=True)


def pictures_in(folder: Path, comparison: Comparison, dataset: Dataset, facts: Mapping[str, Any]) -> Pictures:
    """The pictures of a dataset, from what `normalize` left in `folder`, and found: its `facts`.

    The test part may be larger than the memory. Its images are read only where galleries show some.
    """
    indices, names, room = shown(comparison, dataset.name), class_names(dataset, facts), limits(comparison)
    examples = folder / EXAMPLES  # artifacts of an early release have none
    return Pictures(
        strips(_images(examples), [names[i] for i in facts["examples"]], room.strips) if examples.exists() else (),
        pictures(_images(folder / TEST_IMAGES), indices, room.single) if indices else (),
    )


def _images(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def collect(request: Request, records: Records, store: Store, progress: Say, publish: Publish) -> list[Branch]:
    """The branch of every dataset, budget and family of the request, in the request's order.

    `publish` receives the predictions of each replicate, under the key that the report names.
    """
    places, branches = branch_places(request), []
    for number, place in enumerate(places, 1):
        progress(f"branch {number}/{len(places)}: {place}")
        branches.append(_branch(request, place, _BranchRecords(store, place, records), publish))
    return branches


class _BranchRecords:
    """The records and artifacts of the stages that lead to one family's evaluation."""

    def __init__(self, store: Store, place: Place, records: Records):
        self.store, self.place = store, place
        self.records = [
            record
            for record in records
            if record["dataset"] == place.dataset
            and record["family"] in (None, place.family)
            and record.get("budget") in (None, place.budget)
        ]

    def manifest(self, stage: str, *, seed: int | None = None, shard: int | None = None) -> Manifest | None:
        """The artifact of a stage, or None when the stage did not finish.

        Raises:
            DamagedError: the artifact is missing now, or it has changed.
        """
        for record in self.records:
            recorded = record["stage"], record["seed"], record["shard"], record["status"]
            if recorded == (stage, seed, shard, "done"):
                return recorded_manifest(self.store, record)
        return None

    def json(self, manifest: Manifest, name: str) -> Any:
        """A JSON file of an artifact, verified."""
        return json.loads(read_file(self.store, manifest, name))

    @property
    def damaged(self) -> bool:
        """Whether a record of the branch cannot be read."""
        return any(record.get("damaged") for record in self.records)

    def reason(self) -> str:
        """Why the branch has no evaluation."""
        for record in self.records:
            parts = [f"{part} {record[part]}" for part in ("seed", "shard") if record[part] is not None]
            where = " of ".join([record["stage"], *parts])
            if record["status"] == "failed":
                return f"{where}: {record['error']}"
            if record["status"] == "running":
                return f"{where}: killed before it ended (last seen: {record['progress'] or 'start'})"
        return f"nothing started after {self.records[-1]['stage']}" if self.records else "no stage started"


def _branch(request: Request, place: Place, records: _BranchRecords, publish: Publish) -> Branch:
    """One family's results, or the reason why they are missing or damaged."""
    branch = Branch(str(place.dataset), str(place.family), "failed", budget=place.budget)
    try:
        branch = replace(branch, test_part=_test_part(records), searches=_searches(request, records))
        replicates = _replicates(request, records)
        earlier = _earlier(request.run, records)
        branch = replace(branch, nearest_centroid=_nearest_centroid(records))
    except DamagedError as error:
        return replace(branch, error=f"damaged: {relative(str(error), request, records.store)}", damaged=True)
    if replicates is None:
        return replace(branch, error=records.reason(), damaged=records.damaged)
    for evidence, predictions in replicates:
        publish(evidence.predictions, predictions)
    if earlier and earlier[0].predictions:
        publish(earlier[0].predictions, earlier[1])
    seeds = tuple(evidence for evidence, _ in replicates)
    return replace(branch, status="done", replicates=seeds, earlier=earlier[0] if earlier else None)


def _test_part(records: _BranchRecords) -> str | None:
    """A digest of the files of the test part, which two versions of the data may share."""
    manifest = records.manifest("normalize")
    files = manifest.files if manifest else {}
    digests = {name: file.sha256 for name, file in files.items() if name.startswith(TEST_PART)}
    return digest_of(digests) if digests else None


def _nearest_centroid(records: _BranchRecords) -> float | None:
    """The accuracy of the nearest centroid, where `evaluate` is done and knows it."""
    evaluated = records.manifest("evaluate")
    return records.json(evaluated, "metrics.json").get("nearest_centroid") if evaluated else None


def _searches(request: Request, records: _BranchRecords) -> tuple[SearchEvidence, ...]:
    """The searches of the branch that chose something, in the order of their seeds."""
    found = [_search(records, place.seed) for place in searches_of(request, records.place)]
    return tuple(search for search in found if search)


def _search(records: _BranchRecords, seed: int | None) -> SearchEvidence | None:
    choice, search = records.manifest("choose", seed=seed), records.manifest("search", seed=seed, shard=0)
    if choice is None or search is None:
        return None
    trials, best = records.json(choice, "trials.json"), records.json(choice, "best.json")
    return SearchEvidence(trials, best, search.made["settings"], seed)


def _replicates(request: Request, records: _BranchRecords) -> list[tuple[ReplicateEvidence, bytes]] | None:
    """Every seed's evidence with its predictions, or None when the branch did not get that far."""
    evaluated = records.manifest("evaluate")
    trained = [manifest for seed in request.seeds if (manifest := records.manifest("train", seed=seed))]
    if evaluated is None or len(trained) < len(request.seeds):
        return None
    scores = {score["seed"]: score for score in records.json(evaluated, "metrics.json")["replicates"]}
    seeds = zip(request.seeds, trained, strict=True)
    return [_replicate(request.run, records, evaluated, manifest, scores[seed]) for seed, manifest in seeds]


def _replicate(
    run: str, records: _BranchRecords, evaluated: Manifest, trained: Manifest, score: dict[str, Any]
) -> tuple[ReplicateEvidence, bytes]:
    """One replicate's evidence, and the predictions that the report publishes."""
    seed = score["seed"]
    body, (y_true, y_pred, y_prob) = _predictions(records, evaluated, f"seed-{seed}.npz", "y_true", "y_pred", "y_prob")
    evidence = ReplicateEvidence(
        seed=seed,
        training=records.json(trained, "metrics.json"),
        history=records.json(trained, "history.json"),
        settings=trained.made["settings"],
        evaluation=score,
        y_true=y_true,
        y_pred=y_pred,
        confidence=confidence_of(y_prob),
        predictions=_published(run, str(replace(records.place, seed=seed))),
        learned_from=trained.made["inputs"]["data"],
        measured_on=evaluated.made["inputs"]["data"],
        trained_in=trained.made["run"],
        digests={"train": trained.key, "evaluate": evaluated.key},
        predictions_sha256=evaluated.files[f"seed-{seed}.npz"].sha256,
    )
    return evidence, body


def _earlier(run: str, records: _BranchRecords) -> tuple[EarlierEvidence, bytes] | None:
    """The model of the version before, where `evaluate` had one, and its predictions, where it could be measured."""
    evaluated = records.manifest("evaluate")
    found = records.json(evaluated, "metrics.json").get("earlier") if evaluated else None
    if evaluated is None or found is None:
        return None
    if EARLIER not in evaluated.files:
        return EarlierEvidence(found), b""
    body, (y_pred,) = _predictions(records, evaluated, EARLIER, "y_pred")
    key = _published(run, f"{records.place}/earlier")
    return EarlierEvidence(found, y_pred, key, evaluated.files[EARLIER].sha256), body


def _predictions(
    records: _BranchRecords, evaluated: Manifest, name: str, *arrays: str
) -> tuple[bytes, list[np.ndarray]]:
    """A file of predictions, with these of the arrays in it."""
    body = read_file(records.store, evaluated, name)
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        return body, [stored[array] for array in arrays]


def _published(run: str, place: str) -> str:
    """The key of the predictions that the report publishes for a place."""
    return report_key(run, f"predictions/{place.replace('/', '-')}.npz")
