"""The trigger form: what it offers, what it refuses, and that `plan` understands what it sends."""

import json
import re

import pytest

from tasks.settings.loading import load_configuration, resolve
from tasks.settings.request import MAX_BUDGETS, Parameters
from tasks.settings.values import parse
from tests.support.broken_datasets import broken_datasets
from tests.support.lazy import Lazy
from tests.support.tiny_data import make_configuration

trigger_form = Lazy("dags.trigger_form")


@pytest.fixture(scope="module")
def config():
    return load_configuration()


@pytest.fixture(scope="module")
def form(config):
    return trigger_form.trigger_form(config)


def test_the_defaults_are_a_valid_run(form, config):
    """The untouched form asks for the scheduled profile, whole."""
    sent = json.loads(json.dumps({name: param.resolve() for name, param in form.items()}))
    request = resolve(config, parse(Parameters, sent, "form"), "untouched")
    assert request == resolve(config, Parameters(profile=config.orchestration.scheduled_profile), "untouched")


def test_the_fields_are_the_parameters(form):
    """Every parameter of a run has its field, with a title and a description."""
    assert set(form) == set(Parameters.model_fields)
    for param in form.values():
        assert param.schema["title"]
        assert param.description


def test_the_usual_fields_are_open_and_the_others_are_one_section(form):
    """Airflow opens the fields without a section; those that it marks as required are among them, and have a value."""
    usual = [name for name, param in form.items() if "section" not in param.schema]
    assert usual == ["profile", "datasets", "families", "budgets"] == list(form)[:4]
    assert {form[name].schema["section"] for name in set(form) - set(usual)} == {"More"}
    marked = [name for name, param in form.items() if "null" not in param.schema["type"]]
    assert marked == ["profile", "datasets", "families"]
    assert all(form[name].value for name in marked)


@pytest.mark.parametrize("force", [True, False, None, ["search", "train"]])
def test_force_is_a_list_of_stages_or_all_of_them(form, force):
    """The form offers the stages to choose from. The REST API takes `true` as well, as it always has."""
    assert form["force"].resolve(force) == force
    assert next(kind for kind in form["force"].schema["type"] if kind != "null") == "array"  # what the form draws


def test_the_form_says_what_cannot_be_used(tmp_path):
    """A broken dataset is not offered, and its field says why; with no usable one left the form still stands."""
    folder = make_configuration(tmp_path / "config")
    (folder / "datasets" / "mine.toml").write_text("title = 3\n")
    datasets = trigger_form.trigger_form(load_configuration(folder))["datasets"]
    assert datasets.resolve() == ["cifar10", "fashion_mnist"]
    told = (
        r"The datasets to compare on\. mine cannot be used: .*mine.toml:1: title: expected a text, .* \(and 2 more\)\."
    )
    assert re.fullmatch(told, datasets.description)
    for path in (folder / "datasets").glob("*.toml"):
        path.write_text("title = ")
    assert trigger_form.trigger_form(load_configuration(folder))["datasets"].resolve() == []


def test_every_kind_of_bad_file_is_named_in_the_form(tmp_path):
    """Whatever is wrong with a dataset's file, the form stands, offers the others, and can be stored as JSON."""
    folder = make_configuration(tmp_path / "config")
    names = dict(broken_datasets(folder / "datasets"))
    datasets = trigger_form.trigger_form(load_configuration(folder))["datasets"]
    assert datasets.resolve() == ["cifar10", "fashion_mnist"]
    assert [name for name in names if f" {name} cannot be used: " not in datasets.description] == []
    json.dumps(datasets.dump(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("datasets", ["nobody_s"]),
        ("datasets", []),
        ("families", ["nobody_s"]),
        ("profile", "huge"),
        ("trials", 0),
        ("epochs", "many"),
        ("replicates", 101),
        ("budgets", 30_000),
        ("budgets", [10]),
        ("budgets", [30_000, 30_000]),
        ("budgets", ["many"]),
        ("budgets", list(range(1_000, 10_000, 1_000))),
        ("force", "perhaps"),
        ("force", ["report"]),
        ("mirror", 7),
        ("mirror", "ftp://example.org"),
        ("mirror", "../mirror"),
        ("mirror", "/mirror\nelsewhere"),
        ("mirror", "/" * 1001),
    ],
)
def test_a_wrong_value_is_refused_before_the_run_starts(form, field, value):
    """A name that nobody configured, or a number out of range, starts no run."""
    with pytest.raises(Lazy("airflow.sdk.exceptions").ParamValidationError):
        form[field].resolve(value)


def test_every_configured_name_passes(form, config):
    """The form offers each dataset, family and profile that the configuration has, and takes each alone."""
    for field, names in (("datasets", config.datasets), ("families", config.families)):
        assert form[field].schema["examples"] == list(names)
        assert all(form[field].resolve([name]) == [name] for name in names)
        with pytest.raises(Lazy("airflow.sdk.exceptions").ParamValidationError):
            form[field].resolve([*names, next(iter(names))])
    assert form["profile"].schema["enum"] == list(config.profiles)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trials", 4),
        ("budgets", [120_000, 30_000]),
        ("budgets", []),
        ("budgets", None),
        ("mirror", "/data/mirror"),
        ("mirror", "s3://a/b"),
        ("mirror", None),
    ],
)
def test_a_right_value_passes(form, field, value):
    """What the form accepts is what `plan` accepts."""
    assert form[field].resolve(value) == value
    parse(Parameters, {field: value}, "form")


@pytest.mark.parametrize("field", ["trials", "epochs", "replicates"])
def test_its_limits_are_those_of_the_request(form, field):
    """The form and the request agree on what is too little and too much."""
    kinds = Parameters.model_json_schema()["properties"][field]["anyOf"]
    number = next(kind for kind in kinds if kind["type"] == "integer")
    limits = form[field].schema
    assert (limits["minimum"], limits["maximum"]) == (number["minimum"], number["maximum"])


def test_the_limits_of_the_budgets_are_those_of_the_request(form):
    """Of each budget, and of their number."""
    kinds = Parameters.model_json_schema()["properties"]["budgets"]["anyOf"]
    expected = next(kind for kind in kinds if kind["type"] == "array")
    limits = form["budgets"].schema
    assert limits["items"] == expected["items"]
    assert limits["maxItems"] == expected["maxItems"] == MAX_BUDGETS
