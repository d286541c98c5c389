"""The trigger form: what it offers, what it refuses, and that `plan` understands what it sends."""

import json

import pytest
from airflow.sdk.exceptions import ParamValidationError

from dags.trigger_form import trigger_form
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.request import MAX_BUDGETS, Parameters
from tasks.settings.values import parse


@pytest.fixture(scope="module")
def form():
    return trigger_form(load_configuration())


def test_the_defaults_are_a_valid_run(form):
    """The untouched form asks for the scheduled profile, whole."""
    config = load_configuration()
    sent = json.loads(json.dumps({name: param.resolve() for name, param in form.items()}))
    request = resolve(config, parse(Parameters, sent, "form"), "untouched")
    assert request == resolve(config, Parameters(profile=config.orchestration.scheduled_profile), "untouched")


def test_the_fields_are_the_parameters(form):
    """Every parameter of a run has its field, with a title and a description, in a section."""
    assert set(form) == set(Parameters.model_fields)
    for param in form.values():
        assert param.schema["title"]
        assert param.description
        assert param.schema["section"] in {"Data", "Search", "Training", "Run"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("datasets", ["mnist"]),
        ("datasets", []),
        ("datasets", ["cifar10", "cifar10"]),
        ("families", ["transformer"]),
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
        ("mirror", 7),
        ("mirror", "ftp://example.org"),
        ("mirror", "../mirror"),
        ("mirror", "/mirror\nelsewhere"),
        ("mirror", "/" * 1001),
    ],
)
def test_a_wrong_value_is_refused_before_the_run_starts(form, field, value):
    """A name that nobody configured, or a number out of range, starts no run."""
    with pytest.raises(ParamValidationError):
        form[field].resolve(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("datasets", ["cifar10"]),
        ("families", ["cnn"]),
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
