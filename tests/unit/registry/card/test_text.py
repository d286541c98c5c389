"""The model card: metadata that a parser reads, sections with the report's numbers, and texts that stay texts."""

import re

import pytest
import yaml

from tasks.errors import DataError
from tasks.registry.card import use
from tasks.registry.card.text import card
from tasks.registry.champions.documents import NamedModel
from tests.support import synthetic
from tests.support.published_runs import made

HOSTILE = "</h1> # [x](javascript:x) | \"q\": 'y' \\ `c` ---"
SECTIONS = [
    "Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details",
    "Evaluation", "Environmental Impact", "Technical Specifications",
]  # fmt: skip


def named(seed=1, **changes):
    """A model of the made-up run."""
    known = {"run": "quick-1", "dataset": "cifar10", "family": "cnn", "budget": 250_000, "test_part": "t" * 40}
    return NamedModel(**known | {"seeds": (0, 1, 2), "replicate": seed, "artifacts": {}} | changes)


def carded(**about):
    """The card of a made-up run on a dataset that says this of itself, and the report."""
    asked = synthetic.request((synthetic.dataset().model_copy(update=about),))
    report, _ = made(asked)
    return card(report, named(), 1.37), report


def metadata(text):
    """The fields between the lines of dashes at the beginning."""
    start, fields, rest = text.split("---\n", 2)
    assert start == ""
    assert rest.startswith("\n# ")
    return yaml.safe_load(fields)


def test_the_metadata_are_those_of_hugging_face():
    """The fields have the names and types of their specification; the scores are those of the exported model."""
    text, report = carded(license="mit")
    fields = metadata(text)
    (model,) = [each for each in report.datasets[0].models if each.family == "cnn"]
    replicate = model.replicates[1]
    (index,) = fields.pop("model-index")
    assert fields == {
        "license": "mit",
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["keras", "onnx", "like-for-like", "cnn"],
        "datasets": ["cifar10"],
        "metrics": ["accuracy", "f1"],
    }
    (result,) = index["results"]
    assert index["name"] == "cifar10-cnn"
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"] == {"type": "cifar10", "name": "CIFAR-10", "split": "test"}
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values == {"accuracy": replicate.accuracy, "f1": replicate.f1_macro}


def test_the_card_has_every_section_with_its_numbers():
    """Accuracy with its interval, every class, what is confused, the counts of the data, energy that nobody knows."""
    text, report = carded()
    section = report.datasets[0]
    (model,) = [each for each in section.models if each.family == "cnn"]
    assert re.findall("^## (.*)$", text, re.M) == SECTIONS
    assert f"{100 * model.replicates[1].accuracy:.2f} % | {100 * model.accuracy:.2f} %, 95 % interval:" in text
    for each in model.classes:
        assert f"| {each.name} | {100 * each.recall:.1f} % |" in text
    for pair in model.most_confused:
        assert f"| {pair.true} | {pair.predicted} | {100 * pair.share:.1f} % |" in text
    assert "| Images to learn from | 45,000 |" in text
    assert "| Temperature | 1.370 |" in text
    assert "| Energy of the processors in training | not known |" in text
    assert "| Seed | 1 |" in text


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, "not stated in the dataset's file"),
        ({"license": "unknown"}, "unknown: the authors of the data state none"),
        ({"license": "other", "license_name": "mine-1", "license_link": "https://example.org/l"}, "mine-1; see https:"),
    ],
)
def test_the_licence_is_that_of_the_data(about, said):
    """In the metadata as it is configured, and in a sentence."""
    text, _ = carded(**about)
    assert {k: v for k, v in metadata(text).items() if k.startswith("license")} == about
    assert f"| Licence of the data | {said}" in text


def test_no_text_of_a_person_is_more_than_text():
    """A title or a class makes no heading, link, element, row or metadata."""
    names = (f"{HOSTILE} 1", *synthetic.CLASSES[1:])
    text, _ = carded(title=HOSTILE, classes=names, license=None)
    fields = metadata(text)
    assert fields["model-index"][0]["results"][0]["dataset"]["name"] == HOSTILE
    body = text.split("---\n", 2)[2]
    prose = re.sub(r"^```.*?^```", "", body, flags=re.M | re.S)
    assert re.findall("^## (.*)$", prose, re.M) == SECTIONS
    assert len(re.findall("^# ", prose, re.M)) == 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[<\[`](?!model\.|classes\.)(?=[/xc])", prose)
    for line in prose.splitlines():
        if line.startswith("| \\</h1\\>"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 6)


def test_of_many_classes_the_worst_are_listed():
    """A card of a hundred classes has the ten of the lowest recall, and no table of all."""
    names = tuple(f"class {number}" for number in range(100))
    text, _ = carded(classes=names)
    assert "The ten classes with the lowest recall, of 100" in text
    assert text.count("| class ") < 60


def test_a_model_that_the_report_does_not_have_is_refused():
    """The message says which one was expected."""
    _, report = carded()
    with pytest.raises(DataError, match="cifar10, cnn, 250,000 parameters, seed 7, found none"):
        card(report, named(seed=7), 1.0)


@pytest.mark.parametrize("changes", [{}, {"shape": (8, 6, 1), "fit": "pad"}, {"fit": "stretch"}, {"shape": (4, 4, 2)}])
def test_the_programs_are_python(changes):
    """For colours, for grey, and for arrays that are no pictures."""
    about = synthetic.dataset().model_copy(update=changes)
    for program in (use.with_keras(about), use.with_onnx(about)):
        compile(program, "card", "exec")
