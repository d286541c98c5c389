"""The promises of `tasks.comparison.calibration`."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.comparison.assembly import compare
from tasks.comparison.calibration import calibration
from tasks.comparison.schema.calibration import Answers, Calibration
from tasks.learning.metrics import measure
from tests.support import synthetic


def _predictions(seed: int, examples: int, classes: int):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.2), examples)
    return generator.integers(0, classes, examples), probabilities


@given(st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(1, 4), st.integers(2, 6))
@settings(max_examples=40)
def test_the_answers_of_several_seeds_are_those_of_one_large_test_part(seed, examples, seeds, classes):
    """Pooled bins are the bins of all answers together; so is what follows from them."""
    parts = [_predictions(seed + number, examples, classes) for number in range(seeds)]
    evaluations = [measure(*part).model_dump(mode="json") for part in parts]
    truth, probabilities = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    found, whole = calibration(evaluations), measure(truth, probabilities)
    assert [each.count for each in found.bins] == [each.count for each in whole.reliability]
    for name in ("confidence", "accuracy"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(found.bins, whole.reliability, strict=True)]
        assert all(a is b is None or a == pytest.approx(b) for a, b in pairs)
    wrong, confidence = probabilities.argmax(axis=1) != truth, probabilities.max(axis=1)
    assert found.sure.count == np.count_nonzero(confidence > 0.9)
    assert found.confidence == pytest.approx(confidence.mean())
    assert found.overconfidence == pytest.approx(confidence.mean() - (~wrong).mean())
    expected = np.mean(confidence[wrong] > 0.9) if wrong.any() else None
    assert found.sure_mistakes == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_an_evaluation_of_an_earlier_release_has_no_calibration():
    """Where one replicate lacks bins and Brier score, the report says nothing of them, and all else is there."""
    request = synthetic.request()
    ann, cnn = synthetic.everything(request)
    new = {"brier", "reliability", "sure"}
    old = {name: score for name, score in cnn.replicates[0].evaluation.items() if name not in new}
    cnn = replace(cnn, replicates=(replace(cnn.replicates[0], evaluation=old), *cnn.replicates[1:]))
    (dataset,) = compare(request, [ann, cnn], [], {}, synthetic.ENVIRONMENT).datasets
    assert [model.calibration is None for model in dataset.models] == [False, True]
    assert dataset.models[1].replicates[0].brier is None
    assert "brier" not in dataset.models[1].spread
    assert dataset.differences


@pytest.mark.parametrize("means", [{}, {"confidence": 0.9}, {"accuracy": 0.9}])
def test_answers_have_both_means(means):
    """Answers without a mean, and a mean without answers, contradict themselves."""
    with pytest.raises(ValidationError, match="expected means of answers"):
        Answers(count=3, **means)
    if means:
        with pytest.raises(ValidationError, match="expected means of answers"):
            Answers(count=0, **means)


def test_no_more_answers_are_sure_than_there_are():
    """More sure answers than answers contradict themselves."""
    some = {"count": 3, "confidence": 0.95, "accuracy": 1.0}
    Calibration(bins=[some], sure=some | {"above": 0.9})
    with pytest.raises(ValidationError, match="the sure ones among them"):
        Calibration(bins=[some], sure=some | {"above": 0.9, "count": 4})
