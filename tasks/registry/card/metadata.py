"""The metadata of a model card, in YAML, from which Hugging Face knows what a model is for and how good it is.

Its fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.comparison.schema.models import Replicate
from tasks.settings.dataset import Dataset

TASK = "image-classification"
Value = str | int | float | Sequence[Any] | Mapping[str, Any]


def metadata(about: Dataset, family: str, replicate: Replicate) -> str:
    """The metadata of one replicate of a family, without the lines of dashes around it."""
    licence = {"license": about.license, "license_name": about.license_name, "license_link": about.license_link}
    fields = {name: value for name, value in licence.items() if value} | {
        "library_name": "keras",
        "pipeline_tag": TASK,
        "tags": ["keras", "onnx", "like-for-like", family],
        "datasets": [about.name],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": f"{about.name}-{family}", "results": [_results(about, replicate)]}],
    }
    return "\n".join(_lines(fields))


def _results(about: Dataset, replicate: Replicate) -> dict[str, Value]:
    return {
        "task": {"type": TASK, "name": "Image classification"},
        "dataset": {"type": about.name, "name": about.title, "split": "test"},
        "metrics": [
            {"type": "accuracy", "value": replicate.accuracy, "name": "Accuracy"},
            {"type": "f1", "value": replicate.f1_macro, "name": "F1, mean over the classes"},
        ],
    }


def _lines(value: Value) -> Iterator[str]:
    """A value as lines of YAML. A text is quoted as in JSON, which YAML includes, so that none means anything else."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            first, *rest = _lines(part)
            if isinstance(part, str | int | float):
                yield f"{name}: {first}"
            else:
                yield f"{name}:"
                yield from (f"  {line}" for line in (first, *rest))
    elif isinstance(value, str | int | float):
        yield json.dumps(value, ensure_ascii=False)
    else:
        for part in value:
            first, *rest = _lines(part)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
