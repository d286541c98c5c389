import math

import pytest

from tasks.settings.place import Place
from tasks.settings.training import Tricks
from tests.bench.fitting import Result
from tests.bench.recipes import OTHERS, OWN, _between, recipes, table
from tests.support import published_runs


class Kitchen:
    """Where nothing is trained: an epoch of the run's own way takes 10 s and of another 20 s, and brings a point."""

    request = published_runs.request("first", epochs=4)
    place = Place("cifar10", "ann")

    def costs(self, recipes):
        return [10.0 if recipe.name == OWN else 20.0 for recipe in recipes]

    def tried(self, wanted):
        costs = self.costs([recipe for recipe, _ in wanted])
        for (_, epochs), cost in zip(wanted, costs, strict=True):
            yield [Result(0.5 + 0.01 * epochs, cost * epochs)]


def test_a_recipe_is_held_against_the_runs_own_way_in_its_own_time():
    """Half the epochs where an epoch takes twice the time, and two points less than the own way's four epochs."""
    *own, other = table(Kitchen(), ["ReLU"])
    assert [(row["recipe"], row["epochs"]) for row in own] == [(OWN, epochs) for epochs in (3, 4, 5, 6)]
    assert (other["recipe"], other["epochs"], other["core-minutes"]) == ("ReLU", 2, "0.67")
    assert (other["validation accuracy"], other["at equal time, points"]) == ("52.00% ± 0.00", "-2.00")


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
