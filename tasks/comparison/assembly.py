"""The assembly of a comparison from evidence: a pure function, with no store, no clock and no environment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.comparison.asked import command, public
from tasks.comparison.calibration import calibration
from tasks.comparison.cost import spending
from tasks.comparison.data import class_names, data_section
from tasks.comparison.evidence import Branch, ReplicateEvidence, SearchEvidence, Values
from tasks.comparison.fairness import clauses
from tasks.comparison.frontier import frontiers
from tasks.comparison.mistakes import galleries, images_of_a_gallery
from tasks.comparison.pairing import baseline_of, centroid_of, differences, earlier, hits, margin, reference_of
from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Baseline, Cells, ClassScore, Confusion, Epoch, Model, Replicate, Trial
from tasks.comparison.schema.report import Clause, Comparison, DatasetComparison, Environment, StageRecord
from tasks.comparison.schema.values import Interval, Spread
from tasks.comparison.statistics.crossed import of_accuracy
from tasks.comparison.statistics.level import ALPHA, LEVEL
from tasks.comparison.together import adjusted
from tasks.comparison.words.wording import sample_notice
from tasks.settings.dataset import Dataset
from tasks.settings.place import branch_places
from tasks.settings.request import Request
from tasks.settings.standards import Standards

MANY = 25  # classes: with more, pairs and classes are picked out
MOST_CONFUSED, MOST_CONFUSED_OF_MANY = 5, 20
MEASURED = (
    "accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "top5_accuracy", "calibration_error", "brier",
    "log_loss", "temperature", "parameters", "model_bytes", "inference_seconds_per_image", "latency_seconds",
    "batch_latency_seconds", "flops",
)  # fmt: skip
CALIBRATED = {"calibrated_error": "calibration_error", "calibrated_brier": "brier", "calibrated_log_loss": "log_loss"}
TRAINED = (
    "val_accuracy", "train_seconds", "setup_seconds", "validation_seconds", "cpu_seconds", "energy_joules",
    "peak_memory_bytes", "gpus",
)  # fmt: skip


def compare(
    request: Request,
    branches: Sequence[Branch],
    records: Sequence[Values],
    facts: Mapping[str, Values],
    environment: Environment,
    contracts: Mapping[tuple[str, int], Sequence[Clause]] | None = None,
) -> Comparison:
    """The comparison of the run `request`.

    Args:
        branches: one for each family of each dataset, at each budget; one that is not given is reported as missing.
        records: the run's stage records, in the workflow's order.
        facts: normalize's statistics.json by dataset, where there is one.
        contracts: the fairness clauses by dataset and budget, from who has no manifests to check them against; else
            they are checked here.

    Raises:
        ValueError: a branch's predictions are not those that its metrics speak of.
    """
    known = _all(request, branches)
    names = {each.name: class_names(each, facts.get(each.name, {})) for each in request.datasets}
    found = differences(request, known, names)
    datasets = []
    for dataset in request.comparisons:
        where = dataset.name, dataset.budget if request.budgets else None
        branches = [branch for branch in known if (branch.dataset, branch.budget) == where]
        contract = (
            contracts[dataset.name, dataset.budget] if contracts else clauses(request, dataset, branches, records)
        )
        compared = found.get(where, [])
        datasets.append(_dataset(request, dataset, branches, compared, contract, facts.get(dataset.name, {})))
    parts = adjusted(datasets)
    return Comparison(
        run=request.run,
        status="complete" if all(branch.status == "done" for branch in known) else "partial",
        notice=sample_notice(request.examples),
        confidence=LEVEL,
        datasets=parts,
        frontiers=frontiers(parts, request.families) if request.budgets else (),
        data=tuple(data_section(each, facts.get(each.name, {})) for each in request.datasets),
        stages=tuple(StageRecord.of(record) for record in records),
        environment=environment,
        reproduce=command(request),
        request=public(request),
    )


def _all(request: Request, branches: Sequence[Branch]) -> list[Branch]:
    """A branch for everything that was asked for, in the request's order."""
    given = {(branch.dataset, branch.family, branch.budget): branch for branch in branches}
    asked = [(str(place.dataset), str(place.family), place.budget) for place in branch_places(request)]
    return [
        given.get((dataset, family, budget))
        or Branch(dataset, family, "missing", error="no stage of it left a record", budget=budget)
        for dataset, family, budget in asked
    ]


def _dataset(
    request: Request,
    dataset: Dataset,
    branches: list[Branch],
    compared: list[Difference],
    contract: Sequence[Clause],
    facts: Values,
) -> DatasetComparison:
    names = class_names(dataset, facts)
    baseline = baseline_of(facts, names, branches)
    models = [_model(branch, names, baseline, request.standards) for branch in branches]
    return DatasetComparison(
        name=dataset.name,
        title=dataset.title,
        budget=dataset.budget,
        classes=names,
        verdict="",  # it follows from what the run claims together
        differences=tuple(compared),
        baseline=baseline,
        centroid=centroid_of(branches),
        models=tuple(models),
        mistakes=galleries(branches, reference_of(request.families), names, images_of_a_gallery(len(request.budgets))),
        fairness=tuple(contract),
        facts=dict(facts),
    )


def _model(branch: Branch, names: Sequence[str], baseline: Baseline | None, standards: Standards) -> Model:
    """The row of a branch; what a failed one reached before is kept."""
    tried = _searched(branch.searches) | {"spending": spending(branch, standards)}
    if branch.status != "done":
        return Model(family=branch.family, status=branch.status, error=branch.error, **tried)
    chosen = {search.seed: search.best["hyperparameters"] for search in branch.searches}
    replicates = tuple(_replicate(replicate, chosen.get(replicate.seed, {})) for replicate in branch.replicates)
    spread = _spreads(replicates)
    low, high = of_accuracy(hits(branch, [r.seed for r in replicates])).interval(ALPHA)
    confusion, classes = _confusion(branch), _classes(branch, names)
    predicted = {label for _, label, _ in confusion}
    return Model(
        family=branch.family,
        status="done",
        parameters=round(spread["parameters"].mean),
        train_seconds=spread["train_seconds"].mean,
        accuracy=spread["accuracy"].mean,
        f1_macro=spread["f1_macro"].mean,
        spread=spread,
        accuracy_interval=Interval(low=max(low, 0.0), high=min(high, 1.0)),
        margin=margin(branch, baseline) if baseline else None,
        never_predicted=tuple(
            each.name for label, each in enumerate(classes) if each.support and label not in predicted
        ),
        calibration=calibration([replicate.evaluation for replicate in branch.replicates]),
        calibrated=calibration([replicate.evaluation.get("calibrated", {}) for replicate in branch.replicates]),
        confusion=confusion,
        most_confused=_most_confused(confusion, names),
        classes=classes,
        earlier=earlier(branch),
        test_part=branch.test_part,
        replicates=replicates,
        **tried,
    )


def _searched(searches: Sequence[SearchEvidence]) -> dict[str, Any]:
    trials = [
        Trial(**trial, search=search.seed, chosen=trial["number"] == search.best["trial"])
        for search in searches
        for trial in search.trials
    ]
    shared = [search.best["hyperparameters"] for search in searches if search.seed is None]
    return {"hyperparameters": shared[0] if shared else {}, "trials": tuple(trials)}


def _replicate(evidence: ReplicateEvidence, hyperparameters: Values) -> Replicate:
    predicted = float(np.mean(evidence.y_pred == evidence.y_true))
    if not abs(predicted - evidence.evaluation["accuracy"]) <= 1e-6:  # NaN is not equal either
        raise ValueError(
            f"{evidence.predictions}: expected predictions of accuracy {evidence.evaluation['accuracy']:.4f}, "
            f"as the metrics say; received {predicted:.4f}; evaluate again (`force`)"
        )
    measured: dict[str, Any] = {name: evidence.evaluation.get(name) for name in MEASURED}
    scaled = evidence.evaluation.get("calibrated", {})
    measured |= {field: scaled.get(name) for field, name in CALIBRATED.items()}
    trained: dict[str, Any] = {name: evidence.training.get(name) for name in TRAINED}  # an old release knows less
    return Replicate(
        seed=evidence.seed,
        predictions=evidence.predictions,
        predictions_sha256=evidence.predictions_sha256,
        trained_in=evidence.trained_in,
        digests=dict(evidence.digests),
        hyperparameters=dict(hyperparameters),
        classes_predicted=len(np.unique(evidence.y_pred)),
        history=tuple(Epoch(**epoch) for epoch in evidence.history),
        **measured,
        **trained,
    )


def _spreads(replicates: Sequence[Replicate]) -> dict[str, Spread]:
    """By name, what every replicate knows."""
    columns = {
        name: [getattr(replicate, name) for replicate in replicates] for name in (*MEASURED, *CALIBRATED, *TRAINED)
    }
    return {name: _spread(numbers) for name, numbers in columns.items() if None not in numbers}


def _spread(numbers: Sequence[float]) -> Spread:
    deviation = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
    return Spread(mean=float(np.mean(numbers)), std=deviation, least=min(numbers), greatest=max(numbers))


def _classes(branch: Branch, names: Sequence[str]) -> tuple[ClassScore, ...]:
    """Each class's scores, averaged over the replicates; the support is one test part's."""
    columns = {
        score: np.mean([replicate.evaluation[score] for replicate in branch.replicates], axis=0)
        for score in ("precision", "recall", "f1", "support")
    }
    return tuple(
        ClassScore(name=name, **{score: column[index].item() for score, column in columns.items()})
        for index, name in enumerate(names)
    )


def _confusion(branch: Branch) -> Cells:
    """The cells of the confusion matrix that are not 0, summed over the replicates."""
    total: Counter[tuple[int, int]] = Counter()
    for replicate in branch.replicates:
        for true, predicted, number in replicate.evaluation["confusion"]:
            total[true, predicted] += number
    return tuple((*cell, number) for cell, number in sorted(total.items()))


def _most_confused(confusion: Cells, names: Sequence[str]) -> tuple[Confusion, ...]:
    """The largest cells off the diagonal, as shares of the true class; of many classes by their numbers."""
    totals: Counter[int] = Counter()
    for true, _, number in confusion:
        totals[true] += number
    pairs = [
        Confusion(true=names[true], predicted=names[predicted], count=number, share=number / totals[true])
        for true, predicted, number in confusion
        if true != predicted
    ]
    if len(names) > MANY:
        return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share))[:MOST_CONFUSED_OF_MANY])
    return tuple(sorted(pairs, key=lambda pair: -pair.share)[:MOST_CONFUSED])
