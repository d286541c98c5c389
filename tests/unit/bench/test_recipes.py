import math

import pytest

from tasks.settings.training import Tricks
from tests.bench.recipes import OTHERS, _between, recipes


def test_each_trick_is_switched_to_what_it_is_not():
    """Those that are on go off, those that are off go on at their usual value, and the optimizer is the other one."""
    named = {recipe.name: recipe.tricks for recipe in recipes(Tricks(averaging=0.9, identity=False))}
    assert named["adamw in place of muon"] == {"optimizer": "adamw"}
    assert named["without averaging"] == {"averaging": 0.0}
    assert named["without whitening"] == {"whitening": False}
    assert named["with identity"] == {"identity": True}
    assert named["with mixup 0.2"] == {"mixup": 0.2}
    assert len(named) == len(Tricks.model_fields) + len(OTHERS)


def test_an_accuracy_between_two_lengths_lies_on_the_logarithm_of_the_time():
    """At the lengths themselves it is theirs, halfway in the logarithm halfway between, and flat beyond."""
    curve = {400.0: 0.8, 100.0: 0.6}
    assert _between(curve, 100) == pytest.approx(0.6)
    assert _between(curve, math.sqrt(100 * 400)) == pytest.approx(0.7)
    assert [_between(curve, seconds) for seconds in (1, 10_000)] == pytest.approx([0.6, 0.8])
