"""The model card: what an exported model is, what it is for, and what it is worth, for whoever uses it.

Its sections are those of Hugging Face: https://huggingface.co/docs/hub/model-card-annotated. All numbers are those of
the published report of the model's run.
"""

from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from markupsafe import Markup

from tasks.comparison.assembly import MANY
from tasks.comparison.schema.models import ClassScore, Model, Replicate
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.comparison.words.wording import plural
from tasks.errors import DataError
from tasks.registry.card import use
from tasks.registry.card.metadata import metadata
from tasks.registry.champions.documents import NamedModel
from tasks.report.pages.markdown import escaped
from tasks.report.pages.templates import ENDS, templates
from tasks.settings.dataset import OTHER_LICENSE, UNKNOWN_LICENSE, Dataset

TEMPLATE = "card.md.j2"
SCORES = {
    "balanced_accuracy": "Balanced accuracy",
    "f1_macro": "F1, mean over the classes",
    "precision_macro": "Precision, mean over the classes",
    "top5_accuracy": "The true class among the five most probable",
}
MACHINE = ("processor", "cores", "gpu")
RELEASES = ("python", "keras", "tensorflow-cpu", "tensorflow", "jax", "torch", "numpy")


def card(comparison: Comparison, model: NamedModel, temperature: float) -> str:
    """The card of the model's replicate, whose logits are divided by `temperature`: Markdown after metadata in YAML.

    No text of a person or of the data can make a heading, a link, an HTML element or metadata in it.

    Raises:
        DataError: the report has no result of the model.
    """
    environment = templates(lambda value: value if isinstance(value, Markup) else escaped(value))
    environment.loader = FileSystemLoader(Path(__file__).parent)
    environment.filters |= {"licence": licence, "gpus": gpus}
    values = _values(comparison, model)
    text = environment.get_template(TEMPLATE).render(comparison=comparison, temperature=temperature, **values)
    return f"{text.rstrip()}\n"


def _values(comparison: Comparison, model: NamedModel) -> dict[str, Any]:
    section, result, replicate = _found(comparison, model)
    about = comparison.request.dataset(model.dataset)
    scored = [each for each in result.classes if each.support]
    return {
        "section": section,
        "result": result,
        "replicate": replicate,
        "about": about,
        "data": next((each for each in comparison.data if each.name == model.dataset), None),
        "hyperparameters": replicate.hyperparameters or result.hyperparameters,
        "trials": [trial for trial in result.trials if trial.search in (None, replicate.seed)],
        "examples": sum(each.support for each in scored),
        "scored": scored,
        "listed": _listed(scored),
        "machine": ", ".join(_machine(comparison)),
        "releases": {name: comparison.environment.versions.get(name) for name in RELEASES},
        "yaml": _as_it_is(metadata(about, model.family, replicate)),
        "keras_use": _as_it_is(use.with_keras(about)),
        "onnx_use": _as_it_is(use.with_onnx(about)),
        "reproduce": _as_it_is(" ".join(comparison.reproduce.split())),
        "SCORES": SCORES,
    }


def _found(comparison: Comparison, model: NamedModel) -> tuple[DatasetComparison, Model, Replicate]:
    """The parts of the report that are about the model."""
    for section in comparison.datasets:
        for result in section.models if (section.name, section.budget) == (model.dataset, model.budget) else ():
            for replicate in result.replicates:
                if (result.family, replicate.seed) == (model.family, model.replicate):
                    return section, result, replicate
    wanted = f"{model.dataset}, {model.family}, {model.budget:,} parameters, seed {model.replicate}"
    raise DataError(f"run {model.run}: expected a report with a result of {wanted}, found none")


def _listed(scored: list[ClassScore]) -> list[ClassScore]:
    """The classes with test examples; of many those of the lowest recall."""
    return scored if len(scored) <= MANY else sorted(scored, key=lambda each: each.recall)[:ENDS]


def _machine(comparison: Comparison) -> list[str]:
    facts = comparison.environment.machine
    named = {name: facts[name] for name in MACHINE if name in facts}
    return [f"{value} cores" if name == "cores" else value for name, value in named.items()]


def _as_it_is(text: str) -> Markup:
    """A text that the template shows as it is, because it is no Markdown."""
    return Markup(text)  # noqa: S704


def licence(about: Dataset) -> str:
    """The licence of the data in words."""
    if about.license is None:
        return "not stated in the dataset's file"
    if about.license == UNKNOWN_LICENSE:
        return "unknown: the authors of the data state none"
    if about.license == OTHER_LICENSE:
        return f"{about.license_name}; see {about.license_link}" if about.license_link else str(about.license_name)
    return about.license


def gpus(number: int | None) -> str:
    """How many GPUs were used."""
    if number is None:
        return "an unknown number of GPUs"
    return plural(number, "GPU") if number else "no GPU"
