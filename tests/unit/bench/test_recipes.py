import math
import pickle
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from tasks.settings.place import Place
from tasks.settings.training import Tricks
from tests.bench.fitting import Result
from tests.bench.recipes import OTHERS, OWN, _between, recipes, table
from tests.bench.recipes import Kitchen as RealKitchen
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


class Elsewhere(Executor):
    """Another process, as far as what is brought there has to be pickled. Nothing is trained."""

    def submit(self, function, *arguments):
        pickle.loads(pickle.dumps((function, arguments)))
        future = Future()
        future.set_result(Result(0.5, 1.0))
        return future


def test_every_recipe_reaches_another_process():
    """All that a training needs can be pickled: the price of an epoch first, then a training a seed."""
    kitchen, every = RealKitchen(Elsewhere(), Kitchen.request, Kitchen.place, Path("data"), 2), list(recipes(Tricks()))
    assert len(kitchen.costs(every)) == len(every)
    assert [len(results) for results in kitchen.tried([(recipe, 3) for recipe in every])] == [2] * len(every)


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
