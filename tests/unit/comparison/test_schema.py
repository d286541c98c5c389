"""The promises of `tasks.comparison.schema`: what `report.json` may hold."""

import math

import pytest
from pydantic import ValidationError

from tasks.comparison.assembly import compare
from tasks.comparison.schema.models import Epoch, Model
from tasks.comparison.schema.report import Comparison
from tasks.comparison.schema.values import Spread
from tests.support import synthetic


def _comparison() -> Comparison:
    request = synthetic.request(replicates=2)
    branches = synthetic.everything(request)
    return compare(request, branches, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)


def test_the_report_survives_its_json():
    """Reading report.json gives the comparison that was written; a key that the schema does not know is refused."""
    comparison = _comparison()
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
    with pytest.raises(ValidationError, match="extra"):
        Comparison.model_validate(comparison.model_dump() | {"surprise": 1})


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_number_of_the_report_is_nan_or_infinite(number):
    """The history of a diverged training has null in its place; anywhere else it is an error."""
    assert Epoch(epoch=1, loss=number).loss is None
    with pytest.raises(ValidationError, match="finite"):
        Spread(mean=number, std=None, least=0, greatest=0)


def test_a_gap_has_its_reason():
    """A model that is not done says why."""
    with pytest.raises(ValidationError, match="expected the reason"):
        Model(family="cnn", status="failed")


def test_the_report_has_the_fields_that_others_build_on():
    """The names that the interface fixes are there, with their meaning."""
    document = _comparison().model_dump(mode="json")
    assert {"run", "status", "datasets", "schema_version"} <= document.keys()
    dataset = document["datasets"][0]
    assert {"name", "budget", "verdict", "differences", "models"} <= dataset.keys()
    assert {"estimate", "low", "high", "p_value"} <= dataset["differences"][0].keys()
    model = dataset["models"][1]
    wanted = {"family", "status", "error", "parameters", "train_seconds", "accuracy", "f1_macro"}
    assert wanted | {"confusion", "replicates", "hyperparameters"} <= model.keys()
    wanted = {"seed", "parameters", "accuracy", "f1_macro", "train_seconds", "predictions"}
    assert wanted <= model["replicates"][0].keys()
