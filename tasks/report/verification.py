"""Verification: does a report agree with its predictions, and do a run's artifacts agree with their manifests?

Every number that follows from the predictions is computed again and compared with `report.json`. The functions are
those that made it (`tasks.learning.metrics`, `tasks.comparison.assembly`). The documents are made again from
`report.json` too, because whoever forges one can correct its digest. A downloaded report is verified by itself. With
the store, the artifacts behind the report are verified too, and the whole report is made again from them.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tasks.comparison.assembly import MEASURED, TRAINED, compare
from tasks.comparison.data import Pictures, illustrated
from tasks.comparison.evidence import Branch, EarlierEvidence, ReplicateEvidence, SearchEvidence, confidence_of
from tasks.comparison.schema.models import Earlier, Model, Replicate
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.comparison.schema.since import Since
from tasks.comparison.together import alone
from tasks.errors import DataError, RequestError
from tasks.learning.metrics import calibrated, measure
from tasks.report.audit import Audit, stage_place
from tasks.report.between.contrast import since_again
from tasks.report.collection import code_of, collect, facts_of, legible, pictures_in
from tasks.report.completion import completed
from tasks.report.documents import part_names, renderer, with_predictions
from tasks.report.duration.estimate import read_estimate
from tasks.report.published import PublishedReport, Read
from tasks.runs.records import read_records
from tasks.runs.requests import read_request
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage import snapshots
from tasks.storage.artifacts import Manifest, artifact_key, digest_of, find, materialized
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError

log = logging.getLogger(__name__)
Document = TypeVar("Document")


def verify_folder(folder: Path) -> Audit:
    """Verify a downloaded report: `report.json` and the files beside it. Nothing else is read."""
    audit = Audit()
    names = [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    ]
    verify_report(lambda name: (folder / name).read_bytes(), names, audit)
    return audit


def verify_run(store: Store, run: str) -> Audit:
    """Verify the report of `run` in the store, every byte of the run's artifacts, and the report against the artifacts.

    Raises:
        RequestError: the store has no such run.
        StoreError: the store cannot be reached.
    """
    audit = Audit()
    request = _readable(lambda: read_request(store, run), store.exists(f"runs/{run}/request.json"), audit)
    records = _readable(lambda: read_records(store, run), True, audit) or []
    names = [key.removeprefix(report_key(run)) for key in store.list(report_key(run))]
    comparison = verify_report(lambda name: store.read(report_key(run, name)), names, audit)
    drawing = _Drawing(comparison, audit) if comparison else None
    manifests = {(r["stage"], r["key"]): _artifact(store, r, drawing, audit) for r in records if r["key"]}
    for manifest in filter(None, manifests.values()):
        _origin(manifest, manifests, request, audit)
    whole = comparison is not None and _same_stages(comparison, records, audit)
    if comparison is None or drawing is None or request is None or not whole or None in manifests.values():
        audit.findings.append("the report was not made again from its artifacts, as some of these cannot be read")
    else:
        _check(
            "the artifacts", comparison, lambda: _compiled(comparison, request, records, store, drawing, audit), audit
        )
    return audit


def verify_report(read: Read, names: Iterable[str], audit: Audit) -> Comparison | None:
    """Verify the report with the files `names`, which `read` returns. Return its comparison, if it can be read."""
    report = PublishedReport(read, names, audit)
    comparison = report.comparison()
    report.check_files(comparison)
    if comparison is None:
        return None
    report.check_views(comparison)
    _check_parts(report, comparison, audit)
    predictions = {m.predictions: report.predictions(comparison.run, m) for m in with_predictions(comparison)}
    if None in predictions.values():
        audit.findings.append("the numbers were not computed again, as some predictions cannot be read")
    else:
        _check("the predictions", comparison, lambda: _recomputed(comparison, predictions), audit)
    return comparison


def _check_parts(report: PublishedReport, comparison: Comparison, audit: Audit) -> None:
    """Check that each dataset of many has its page, and says by itself what the report of all says of it."""
    for name, part in report.parts(comparison).items():
        report.check_page(part)
        document, _ = part_names(name)
        known = illustrated(part, {}).model_copy(update={"environment": comparison.environment})
        _check("report.json", known, partial(alone, comparison, name), audit, document)


def _readable(read: Callable[[], Document], is_there: bool, audit: Audit) -> Document | None:
    """What `read` returns, or None with a finding when a document that is there cannot be read."""
    try:
        return read()
    except (RequestError, DataError) as error:
        if not is_there:
            raise
        audit.findings.append(str(error))
        return None


def _check(
    what: str, comparison: Comparison, make: Callable[[], Comparison], audit: Audit, document: str = "report.json"
) -> None:
    """Compare the comparison in a document with the one that `make` computes again from `what`."""
    try:
        made = make()
    except Exception as error:  # forged content makes its reader raise errors of any kind
        audit.findings.append(f"{document}: cannot be computed again from {what}: {type(error).__name__}: {error}")
    else:
        audit.agree(f"{document} against {what}", comparison, made)


def _same_stages(comparison: Comparison, records: Sequence[Mapping[str, Any]], audit: Audit) -> bool:
    """Whether every stage of the report has the artifact that its record names; what differs is a finding."""
    found = {stage_place(record): record for record in records}
    rows = {stage_place(row): row for row in (stage.model_dump() for stage in comparison.stages)}
    before = len(audit.findings)
    for place in (place for place, record in found.items() if record["key"]):
        for field in ("status", "cached", "seconds"):
            received = rows.get(place, {}).get(field)
            audit.expect("records", f"report.json: stage {place}: {field}", found[place][field], received)
    for place, row in rows.items():
        record = found.get(place, {})
        if record.get("error") and not row["error"]:
            audit.findings.append(f"record of {place}: {record['error']}")
        elif row["key"]:
            audit.expect("records", f"record of {place}: artifact", row["key"], record.get("key"))
    return len(audit.findings) == before


def _compiled(
    comparison: Comparison,
    request: Request,
    records: list[dict[str, Any]],
    store: Store,
    drawing: "_Drawing",
    audit: Audit,
) -> Comparison:
    """The comparison made again from the artifacts; the stages and the environment are those of the report."""
    records = legible(records, request, store)
    branches = collect(request, records, store, lambda _: None, lambda *_: None)
    stages = [stage.model_dump() for stage in comparison.stages]
    facts = facts_of(request, store, records)
    _agree_on_the_floor(branches, audit)
    again = compare(request, branches, stages, facts, comparison.environment)
    again = completed(again, drawing.pictures, read_estimate(store, request.run), code_of(store, records))
    return again.model_copy(update={"since": _since(comparison, store, audit)})


def _agree_on_the_floor(branches: Sequence[Branch], audit: Audit) -> None:
    """Check that the evaluations of a dataset found the same accuracy of the nearest centroid, which is no family's."""
    first: dict[str, float] = {}
    for branch in branches:
        if branch.nearest_centroid is not None:
            expected = first.setdefault(branch.dataset, branch.nearest_centroid)
            place = f"artifacts/evaluate: {branch.dataset}: {branch.family}: nearest_centroid"
            audit.expect("nearest centroids", place, expected, branch.nearest_centroid)


def _since(comparison: Comparison, store: Store, audit: Audit) -> Since | None:
    """What differs from the run before, made again; as the report has it where that run's report is not there."""
    try:
        return since_again(store, comparison)
    except (RequestError, DamagedError, ObjectMissing) as error:
        audit.unchecked.append(f"report.json: since: not made again: {error}")
        return comparison.since


def _pictures(comparison: Comparison) -> dict[str, Pictures]:
    """The pictures that the report has."""
    return {each.name: Pictures(each.examples, each.mistaken, each.no_room) for each in comparison.data}


def _recomputed(comparison: Comparison, predictions: Mapping[str | None, Any]) -> Comparison:
    """The comparison computed from the predictions. Everything that does not follow from them is from `comparison`."""
    several = bool(comparison.request.budgets)
    branches = [
        replace(_branch(d, model, predictions), budget=d.budget if several else None)
        for d in comparison.datasets
        for model in d.models
    ]
    computed = compare(
        comparison.request,
        branches,
        [stage.model_dump() for stage in comparison.stages],
        {dataset.name: dataset.facts for dataset in comparison.datasets},
        comparison.environment,
        {(dataset.name, dataset.budget): dataset.fairness for dataset in comparison.datasets},
    )
    expected = comparison.forecast.estimate if comparison.forecast else None
    computed = completed(computed, _pictures(comparison), expected, comparison.code)
    return computed.model_copy(update={"since": comparison.since})


def _branch(dataset: DatasetComparison, model: Model, predictions: Mapping[str | None, Any]) -> Branch:
    replicates = tuple(_replicate(replicate, **predictions[replicate.predictions]) for replicate in model.replicates)
    earlier = _earlier(model.earlier, predictions) if model.earlier else None
    told = Branch(dataset.name, model.family, model.status, model.error, _searches(model), replicates)
    centroid = dataset.centroid.accuracy if dataset.centroid else None
    return replace(told, earlier=earlier, test_part=model.test_part, nearest_centroid=centroid)


def _searches(model: Model) -> tuple[SearchEvidence, ...]:
    """The searches, as the report has them."""
    chosen = {None: model.hyperparameters} | {each.seed: each.hyperparameters for each in model.replicates}
    found = []
    for seed, trials in model.searches:
        best = next((trial.number for trial in trials if trial.chosen), None)
        told: list[Mapping[str, Any]] = [trial.model_dump(exclude={"chosen", "search"}) for trial in trials]
        found.append(SearchEvidence(told, {"trial": best, "hyperparameters": chosen.get(seed, {})}, {}, seed))
    return tuple(found)


def _earlier(reported: Earlier, predictions: Mapping[str | None, Any]) -> EarlierEvidence:
    """The answers of the model of the version before; what it is, as the report has it."""
    found = reported.model_dump(include={"version", "present", "seed", "reason"})
    if reported.predictions is None:
        return EarlierEvidence(found)
    y_pred = predictions[reported.predictions]["y_pred"]
    return EarlierEvidence(found, y_pred, reported.predictions, reported.predictions_sha256)


def _replicate(reported: Replicate, y_true: np.ndarray, y_pred: np.ndarray, y_prob: np.ndarray) -> ReplicateEvidence:
    """The scores computed from the predictions; sizes, times and the training's history as the report has them."""
    history: list[Mapping[str, Any]] = [epoch.model_dump() for epoch in reported.history]
    measured = {name: getattr(reported, name) for name in MEASURED}
    # The accuracy is that of y_pred. Where y_pred does not follow from y_prob, that is a finding already.
    scores = measure(y_true, y_prob).model_dump(mode="json") | {"accuracy": float(np.mean(y_pred == y_true))}
    if reported.brier is None:  # an earlier release evaluated, and told nothing of these
        scores = {name: score for name, score in scores.items() if name not in ("brier", "reliability", "sure")}
    if reported.temperature is not None:
        scores |= {"calibrated": calibrated(y_true, y_prob, reported.temperature).model_dump(mode="json")}
    return ReplicateEvidence(
        seed=reported.seed,
        training={name: getattr(reported, name) for name in TRAINED},
        history=history,
        settings={},
        evaluation=measured | scores,
        y_true=y_true,
        y_pred=y_pred,
        confidence=confidence_of(y_prob),
        predictions=reported.predictions,
        learned_from="",
        measured_on="",
        digests=reported.digests,
        predictions_sha256=reported.predictions_sha256,
        trained_in=reported.trained_in,
    )


class _Drawing:
    """The pictures that a report should have, made again while its data are here to be verified.

    Attributes:
        pictures: by dataset; those of the report itself where another release of Pillow made them.
    """

    def __init__(self, comparison: Comparison, audit: Audit):
        self._comparison, self._audit, reported = comparison, audit, _pictures(comparison)
        self.pictures = {name: Pictures(no_room=True) for name, each in reported.items() if each.no_room}
        made, here = comparison.environment.renderer.get("pillow", "of an old release"), renderer()["pillow"]
        if made != here:  # another release may code the same picture in other bytes
            audit.unchecked.append(
                f"report.json: data: pictures: not made again: pillow {made} made them, here is {here}"
            )
            self.pictures = reported

    def look(self, record: Mapping[str, Any], folder: Path, facts: Mapping[str, Any]) -> None:
        """Make the pictures of a dataset that lacks them from what `normalize` left in `folder`, and found."""
        name = record["dataset"]
        if self._comparison.request.has_pages:
            return  # the pictures are in the parts
        if record["stage"] == "normalize" and name not in self.pictures:
            try:
                dataset = self._comparison.request.dataset(name)
                self.pictures[name] = pictures_in(folder, self._comparison, dataset, facts)
            except Exception as error:  # forged content makes its reader raise errors of any kind
                reason = f"cannot be made again: {type(error).__name__}: {error}"
                self._audit.findings.append(f"report.json: data: pictures of {name}: {reason}")


def _artifact(store: Store, record: Mapping[str, Any], drawing: _Drawing | None, audit: Audit) -> Manifest | None:
    """The manifest that a record names, after its files were verified; or None, with a finding."""
    audit.checked["artifacts"] += 1
    try:
        manifest = find(store, record["stage"], record["key"])
        if manifest is None:
            audit.findings.append(f"artifacts/{record['stage']}/{record['key']}: missing")
            return None
        with materialized(store, manifest, manifest.files) as folder:
            if drawing:
                drawing.look(record, folder, manifest.summary)
        if snapshot := snapshots.snapshot_in(store, manifest):
            snapshots.verify(store, snapshot, log.info)
            audit.checked["files of snapshots"] += len(snapshot.files)
    except DamagedError as error:
        audit.findings.append(str(error))
        return None
    audit.checked["files of artifacts"] += len(manifest.files)
    return manifest


def _origin(manifest: Manifest, others: Mapping[Any, Manifest | None], request: Request | None, audit: Audit) -> None:
    """Check that an artifact's key follows from what made it, and that its inputs are the artifacts that it names."""
    made, place = manifest.made, f"artifacts/{manifest.stage}/{manifest.key}"
    if missing := {"settings", "inputs", "code", "run"} - made.keys():
        audit.findings.append(f"{place}: expected what made it, received nothing of {', '.join(sorted(missing))}")
        return
    key = artifact_key(manifest.stage, made["settings"], made["inputs"], made["code"], made.get("libraries"))
    audit.expect("keys", f"{place}: key", key, manifest.key)
    if request and made["run"] == request.run and "request" in made:
        audit.expect("keys", f"{place}: request", digest_of(request.model_dump(mode="json")), made["request"])
    for name, parent in made.get("parents", {}).items():
        parent_manifest = others.get(tuple(parent.split("/")))
        if parent_manifest is not None:
            audit.expect("keys", f"{place}: input {name}", made["inputs"].get(name), parent_manifest.digest)
