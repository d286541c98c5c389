"""Verification: does a report agree with its predictions, and do a run's artifacts agree with their manifests?

Every number that follows from the predictions is computed again and compared with `report.json`. The functions are
those that made it (`tasks.learning.metrics`, `tasks.comparison.assembly`). Every digest within reach is checked too. A
downloaded report is verified by itself. With the store, the artifacts behind the report are verified too, and the whole
report is made again from them.
"""

import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from tasks.comparison.assembly import MEASURED, TRAINED, compare
from tasks.comparison.evidence import Branch, ReplicateEvidence, SearchEvidence
from tasks.comparison.schema import Comparison, DatasetComparison, Model, Replicate
from tasks.learning.metrics import measure
from tasks.report.collection import collect, facts_of
from tasks.report.documents import CHECKSUMS
from tasks.runs.records import read_records, read_request
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.artifacts import DamagedError, Manifest, artifact_key, digest_of, find, verify
from tasks.storage.contract import ObjectMissing, Store

PRECISION = 1e-9  # relative: the order of a sum may differ between machines, but no digit that a reader sees
Read = Callable[[str], bytes]


class Audit:
    """The number of checks by kind, and one line for each thing that does not agree."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.findings: list[str] = []

    def expect(self, kind: str, where: str, expected: object, received: object) -> None:
        """Count one check; it is a finding unless both values are the same."""
        self.checked[kind] += 1
        if not _same(expected, received):
            self.findings.append(f"{where}: expected {_short(expected)}, received {_short(received)}")

    def __str__(self) -> str:
        return ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.checked.items()))


def verify_folder(folder: Path) -> Audit:
    """Verify a downloaded report: `report.json` and the files beside it. Nothing else is read."""
    audit = Audit()
    verify_report(lambda name: (folder / name).read_bytes(), audit)
    return audit


def verify_run(store: Store, run: str) -> Audit:
    """Verify the report of `run` in the store, every byte of the run's artifacts, and the report against the artifacts.

    Raises:
        RequestError: the store has no such run.
        StoreError: the store cannot be reached.
    """
    audit, request, records = Audit(), read_request(store, run), read_records(store, run)
    comparison = verify_report(lambda name: store.read(report_key(run, name)), audit)
    manifests = {(r["stage"], r["key"]): _artifact(store, r, audit) for r in records if r["key"]}
    for manifest in filter(None, manifests.values()):
        _origin(manifest, manifests, request, audit)
    if comparison is None or None in manifests.values():
        audit.findings.append("the report was not made again from its artifacts, as some of these cannot be read")
        return audit
    branches = collect(request, records, store, lambda _: None, lambda *_: None)
    stages = [stage.model_dump() for stage in comparison.stages]
    made = compare(request, branches, stages, facts_of(request, store, records), comparison.environment)
    _agree("report.json against the artifacts", comparison, made, audit)
    return audit


def verify_report(read: Read, audit: Audit) -> Comparison | None:
    """Verify the report whose files `read` returns by name. Return its comparison, or None if it cannot be read."""
    files = _Files(read, audit)
    document = files.body("report.json")
    try:
        comparison = Comparison.model_validate_json(document or b"")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        audit.findings.append(f"report.json: {place}: {said}; received {first['input']!r:.80}")
        return None
    replicates = [r for dataset in comparison.datasets for model in dataset.models for r in model.replicates]
    if any(replicate.predictions_sha256 for replicate in replicates):
        files.check_sums()
    predictions = {r.predictions: files.predictions(comparison.run, r) for r in replicates}
    if None in predictions.values():
        audit.findings.append("the numbers were not computed again, as some predictions cannot be read")
    else:
        _agree("report.json against the predictions", comparison, _recomputed(comparison, predictions), audit)
    return comparison


class _Files:
    """The files of a report. A file that is missing or has a wrong digest is a finding."""

    def __init__(self, read: Read, audit: Audit):
        self._read, self._audit = read, audit
        self._bodies: dict[str, bytes | None] = {}

    def body(self, name: str) -> bytes | None:
        """A file's bytes, or None when it is missing, which is a finding at the first call."""
        if name not in self._bodies:
            try:
                self._bodies[name] = self._read(name)
            except (FileNotFoundError, ObjectMissing):
                self._bodies[name] = None
                self._audit.findings.append(f"{name}: missing")
        return self._bodies[name]

    def check_sums(self) -> None:
        """Check the digest of every file that SHA256SUMS names."""
        for line in (self.body(CHECKSUMS) or b"").decode(errors="replace").splitlines():
            digest, _, name = line.partition("  ")
            if not re.fullmatch(r"[\w-]+(\.[\w-]+)*(/[\w-]+(\.[\w-]+)*)?", name):
                self._audit.findings.append(f"{CHECKSUMS}: expected lines of a digest and a name, received {line!r}")
            elif (body := self.body(name)) is not None:
                self._audit.expect("digests", f"{name}: SHA-256", digest, sha256(body).hexdigest())

    def predictions(self, run: str, replicate: Replicate) -> dict[str, np.ndarray] | None:
        """The arrays of a replicate's predictions, or None when they cannot be used."""
        name = replicate.predictions.removeprefix(report_key(run))
        if not re.fullmatch(r"predictions/[\w-]+\.npz", name):
            self._audit.findings.append(f"{name}: expected a file predictions/NAME.npz of this report")
            return None
        body = self.body(name)
        if body is None:
            return None
        if replicate.predictions_sha256:
            self._audit.expect("digests", f"{name}: SHA-256", replicate.predictions_sha256, sha256(body).hexdigest())
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                arrays = {array: stored[array] for array in ("y_true", "y_pred", "y_prob")}
            measure(arrays["y_true"], arrays["y_prob"])
        except Exception as error:  # a damaged file makes its reader raise errors of any kind
            self._audit.findings.append(f"{name}: cannot be read: {error}")
            return None
        same = np.array_equal(arrays["y_pred"], arrays["y_prob"].argmax(axis=1))
        self._audit.expect("predictions", f"{name}: y_pred is the most probable class", True, same)
        return arrays


def _recomputed(comparison: Comparison, predictions: Mapping[str, Any]) -> Comparison:
    """The comparison computed from the predictions. Everything that does not follow from them is from `comparison`."""
    several = bool(comparison.request.budgets)
    branches = [
        replace(_branch(d, model, predictions), budget=d.budget if several else None)
        for d in comparison.datasets
        for model in d.models
    ]
    return compare(
        comparison.request,
        branches,
        [stage.model_dump() for stage in comparison.stages],
        {dataset.name: dataset.facts for dataset in comparison.datasets},
        comparison.environment,
        {(dataset.name, dataset.budget): dataset.fairness for dataset in comparison.datasets},
    )


def _branch(dataset: DatasetComparison, model: Model, predictions: Mapping[str, Any]) -> Branch:
    trials: list[Mapping[str, Any]] = [trial.model_dump(exclude={"chosen"}) for trial in model.trials]
    best = next((trial.number for trial in model.trials if trial.chosen), None)
    search = SearchEvidence(trials, {"trial": best, "hyperparameters": model.hyperparameters}, {})
    replicates = tuple(_replicate(replicate, **predictions[replicate.predictions]) for replicate in model.replicates)
    return Branch(dataset.name, model.family, model.status, model.error, search, replicates)


def _replicate(reported: Replicate, y_true: np.ndarray, y_pred: np.ndarray, y_prob: np.ndarray) -> ReplicateEvidence:
    """The scores computed from the predictions; sizes, times and the training's history as the report has them."""
    history: list[Mapping[str, Any]] = [epoch.model_dump() for epoch in reported.history]
    measured = {name: getattr(reported, name) for name in MEASURED}
    # The accuracy is that of y_pred. Where y_pred does not follow from y_prob, that is a finding already.
    scores = measure(y_true, y_prob).model_dump(mode="json") | {"accuracy": float(np.mean(y_pred == y_true))}
    return ReplicateEvidence(
        seed=reported.seed,
        training={name: getattr(reported, name) for name in TRAINED},
        history=history,
        settings={},
        evaluation=measured | scores,
        y_true=y_true,
        y_pred=y_pred,
        predictions=reported.predictions,
        learned_from="",
        measured_on="",
        digests=reported.digests,
        predictions_sha256=reported.predictions_sha256,
    )


def _artifact(store: Store, record: Mapping[str, Any], audit: Audit) -> Manifest | None:
    """The manifest that a record names, after its files were verified; or None, with a finding."""
    audit.checked["artifacts"] += 1
    try:
        manifest = find(store, record["stage"], record["key"])
        if manifest is None:
            audit.findings.append(f"artifacts/{record['stage']}/{record['key']}: missing")
            return None
        verify(store, manifest)
    except DamagedError as error:
        audit.findings.append(str(error))
        return None
    audit.checked["files of artifacts"] += len(manifest.files)
    return manifest


def _origin(manifest: Manifest, others: Mapping[Any, Manifest | None], request: Request, audit: Audit) -> None:
    """Check that an artifact's key follows from what made it, and that its inputs are the artifacts that it names."""
    made, place = manifest.made, f"artifacts/{manifest.stage}/{manifest.key}"
    key = artifact_key(manifest.stage, made["settings"], made["inputs"], made["code"])
    audit.expect("keys", f"{place}: key", key, manifest.key)
    if made["run"] == request.run and "request" in made:
        audit.expect("keys", f"{place}: request", digest_of(request.model_dump(mode="json")), made["request"])
    for name, parent in made.get("parents", {}).items():
        parent_manifest = others.get(tuple(parent.split("/")))
        if parent_manifest is not None:
            audit.expect("keys", f"{place}: input {name}", made["inputs"][name], parent_manifest.digest)


def _agree(what: str, reported: Comparison, recomputed: Comparison, audit: Audit) -> None:
    received = dict(leaves(reported.model_dump(mode="json")))
    expected = dict(leaves(recomputed.model_dump(mode="json")))
    for place in {**expected, **received}:
        audit.expect("values", f"{what}: {place}", expected.get(place), received.get(place))


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a container, with its path. In the path, a member of a list has a telling name."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value:
        for name, member in zip(_names(value), value, strict=True):
            yield from leaves(member, f"{place}[{name}]")
    else:
        yield place, value


def _names(members: Sequence[Any]) -> list[str]:
    """A name for each member of a list. When two have the same name, their budgets or positions are added."""
    names = [_name(member, index) for index, member in enumerate(members)]
    if len(set(names)) == len(names):
        return names
    return [f"{name}/{m.get('budget', index)}" for index, (name, m) in enumerate(zip(names, members, strict=True))]


def _name(member: Any, index: int) -> str:
    if not isinstance(member, dict):
        return str(index)
    if "stage" in member:
        parts = (member.get(name) for name in ("stage", "dataset", "family", "budget", "seed", "shard"))
        return "/".join(str(part) for part in parts if part is not None)
    return next((str(member[n]) for n in ("name", "family", "number", "seed", "epoch") if n in member), str(index))


def _same(expected: object, received: object) -> bool:
    if isinstance(expected, float) and isinstance(received, int | float):
        return math.isclose(expected, received, rel_tol=PRECISION, abs_tol=1e-12)
    return expected == received


def _short(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.300}"
