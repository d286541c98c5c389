"""`report.csv`: one row for each dataset, family and seed, for a spreadsheet or a data frame."""

import csv
import io
from typing import Any

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import Comparison, DatasetComparison

OF_REPLICATE = (
    "seed", "parameters", "accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "top5_accuracy",
    "calibration_error", "brier", "log_loss", "temperature", "calibrated_error", "calibrated_brier",
    "calibrated_log_loss", "classes_predicted", "val_accuracy", "train_seconds", "setup_seconds",
    "validation_seconds", "cpu_seconds", "energy_joules", "peak_memory_bytes", "gpus", "inference_seconds_per_image",
    "latency_seconds", "batch_latency_seconds", "flops", "model_bytes", "trained_in", "predictions",
)  # fmt: skip
COLUMNS = (
    "run",
    "dataset",
    "title",
    "data_version",
    "classes",
    "budget",
    "sample",
    "baseline_accuracy",
    "centroid_accuracy",
    "family",
    "status",
    "error",
    *OF_REPLICATE,
)


def to_csv(comparison: Comparison) -> str:
    """The table. A branch without a result has rows too, with the reason in place of numbers.

    `sample` is the greatest number of images of a part that were used. It is empty where all were. `baseline_accuracy`
    is what always answering the largest class of the training part reaches, and `centroid_accuracy` is that of the
    nearest centroid. `data_version` is empty for pinned data,
    and `trained_in` is the run that trained the model.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for dataset in comparison.datasets:
        for model in dataset.models:
            writer.writerows(_rows(comparison, dataset, model))
    return stream.getvalue()


def _rows(comparison: Comparison, dataset: DatasetComparison, model: Model) -> list[dict[str, Any]]:
    branch = {
        "run": inert(comparison.run),
        "dataset": dataset.name,
        "title": inert(dataset.title),
        "data_version": next((each.version for each in comparison.data if each.name == dataset.name), None) or "",
        "classes": len(dataset.classes),
        "budget": dataset.budget,
        "sample": comparison.request.examples or "",
        "baseline_accuracy": dataset.baseline.accuracy if dataset.baseline else "",
        "centroid_accuracy": dataset.centroid.accuracy if dataset.centroid else "",
        "family": model.family,
        "status": model.status,
        "error": inert(model.error or ""),
    }
    if not model.replicates:
        return [branch | {"seed": seed} for seed in comparison.request.seeds]
    return [branch | {name: getattr(replicate, name) for name in OF_REPLICATE} for replicate in model.replicates]


def inert(text: str) -> str:
    """`text`, marked so that no spreadsheet runs it as a formula: https://owasp.org/www-community/attacks/CSV_Injection."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
