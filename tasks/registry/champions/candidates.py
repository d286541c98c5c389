"""From a published report to a named model: the candidate of a run, or the model that a person names."""

import logging
from statistics import fmean

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.errors import DataError, RequestError
from tasks.registry.champions.documents import NamedModel
from tasks.report.between.contrast import in_store
from tasks.runs.order import reported
from tasks.runs.requests import read_request
from tasks.storage.contract import Store

log = logging.getLogger(__name__)
AGAIN = "run it again: finished work is reused, and the report is made anew"
Result = tuple[DatasetComparison, Model]


def newest(store: Store, dataset: str) -> NamedModel:
    """The candidate of the newest run with a result for the dataset. A report that cannot be read is passed over.

    Raises:
        RequestError: there is none.
        DataError: that run's report does not name all that the model is made of.
    """
    for run in reported(store):
        try:
            asked = {each.name for each in read_request(store, run).datasets}
            comparison = in_store(store, run).comparison if dataset in asked else None
        except (RequestError, DataError) as error:
            log.warning("passed over: %s", error)
            continue
        if comparison and _results(comparison, dataset):
            return _best(comparison, dataset)
    raise RequestError(f"{store.uri}: expected a run with a result for {dataset}, found none; run the workflow first")


def candidate_of(store: Store, run: str, dataset: str) -> NamedModel:
    """The best family of a run, at the best budget, by the mean validation accuracy of its seeds; the first of equals.

    Raises:
        RequestError: the run has no report, or no result for the dataset.
        DataError: its report cannot be read, or does not name all that the model is made of.
    """
    return _best(in_store(store, run).comparison, dataset)


def named(store: Store, run: str, dataset: str, family: str, budget: int | None = None) -> NamedModel:
    """The models of one family of a run; at the best of its budgets where none is given. Raises as `candidate_of`."""
    return _best(in_store(store, run).comparison, dataset, family, budget)


def datasets_of(store: Store, run: str) -> list[str]:
    """The datasets of a run that have a result, by name.

    Raises:
        RequestError: it has no report, or no result.
        DataError: its report cannot be read.
    """
    if found := sorted({section.name for section, _ in _results(in_store(store, run).comparison)}):
        return found
    raise RequestError(f"run {run}: expected a result of some dataset, found none; run the workflow again")


def same_models(first: NamedModel, second: NamedModel) -> bool:
    """Whether two names mean the same trained models: a later run may have reused those of an earlier one."""
    return _trainings(first) == _trainings(second)


def _trainings(model: NamedModel) -> dict[str, str]:
    return {name: key for name, key in model.artifacts.items() if name.startswith("train/")}


def _best(comparison: Comparison, dataset: str, family: str | None = None, budget: int | None = None) -> NamedModel:
    results = [
        (section, model)
        for section, model in _results(comparison, dataset)
        if family in (None, model.family) and budget in (None, section.budget)
    ]
    if not results:
        wanted = ", ".join([dataset, *([family] if family else []), *([f"{budget:,} parameters"] if budget else [])])
        there = [f"{each.name} {model.family} {each.budget:,}" for each, model in _results(comparison)]
        known = f"it has {', '.join(there)}" if there else "it has none"
        raise RequestError(f"run {comparison.run}: expected a result for {wanted}; {known}")
    return _named(comparison, *max(results, key=_validation))


def _results(comparison: Comparison, dataset: str | None = None) -> list[Result]:
    """The families that are done, in the report's order."""
    return [
        (section, model)
        for section in comparison.datasets
        if dataset in (None, section.name)
        for model in section.models
        if model.status == "done"
    ]


def _validation(result: Result) -> float:
    """The mean validation accuracy over the seeds; where one is unknown, below every known one."""
    known = [each.val_accuracy for each in result[1].replicates if each.val_accuracy is not None]
    return fmean(known) if known and len(known) == len(result[1].replicates) else -1.0


def _named(comparison: Comparison, section: DatasetComparison, model: Model) -> NamedModel:
    data = next((each for each in comparison.data if each.name == section.name), None)
    best = max(model.replicates, key=lambda each: -1.0 if each.val_accuracy is None else each.val_accuracy)
    where = f"run {comparison.run}: {section.name} {model.family}"
    return NamedModel(
        run=comparison.run,
        dataset=section.name,
        family=model.family,
        budget=section.budget,
        version=data.version if data else None,
        test_part=_known(model.test_part, f"{where}: expected a digest of its test part"),
        seeds=tuple(each.seed for each in model.replicates),
        replicate=best.seed,
        artifacts=_artifacts(comparison, section.name, model, where),
    )


def _artifacts(comparison: Comparison, dataset: str, model: Model, where: str) -> dict[str, str]:
    """Keys by stage: those of the dataset and of the family, and that of each seed's training."""
    normalized = (
        record.key
        for record in comparison.stages
        if (record.stage, record.dataset, record.status) == ("normalize", dataset, "done")
    )
    keys = {
        "normalize": next(normalized, None),
        "evaluate": model.replicates[0].digests.get("evaluate"),
        **{f"train/seed-{each.seed}": each.digests.get("train") for each in model.replicates},
    }
    return {name: _known(key, f"{where}: expected the key of {name}") for name, key in keys.items()}


def _known(value: str | None, expected: str) -> str:
    if value is None:
        raise DataError(f"{expected}, found none in its report; {AGAIN}")
    return value
