"""The promises of `tasks.comparison.cost`: ratios, the price of a point, money."""

from dataclasses import replace

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.cost import cost, priced, spending
from tasks.settings.standards import Standards
from tests.support import synthetic

REQUEST = synthetic.request()
FREE = Standards()


def branch(family, **changes):
    """A branch whose trainings know the `changes`, too."""
    made = synthetic.branch(REQUEST, REQUEST.datasets[0], family, examples=50)
    return replace(made, replicates=tuple(replace(r, training={**r.training, **changes}) for r in made.replicates))


def price(family, reference, gain):
    """The cost of `family` over `reference` with the price of a point, from the rows that a report has of them."""
    compared = compare(REQUEST, [family, reference], [], {}, synthetic.ENVIRONMENT)
    models = {model.family: model for model in compared.datasets[0].models}
    return priced(cost(family, reference), models[family.family], models[reference.family], gain)


def test_every_measure_has_its_ratio():
    """Times have intervals, what is counted has a point, and what no machine here measures is unknown."""
    found = cost(branch("cnn"), branch("ann"))
    assert found.cpu_seconds.low < found.cpu_seconds.estimate < found.cpu_seconds.high
    assert found.flops.low == found.flops.high == pytest.approx(26_356_854 / 506_890)
    assert found.energy_joules is None
    assert (found.search_seconds.estimate, found.search_seconds.low) == (pytest.approx(106.5 / 46.5), None)


def test_a_point_costs_the_further_seconds_for_each_point_gained():
    """Of CPU seconds, and of the clock's where one side does not know these; without a gain there is no price."""
    further = 61.2 - 9.8
    assert price(branch("cnn"), branch("ann"), 0.2).seconds_per_point == pytest.approx(1.02 * further / 20)
    assert price(branch("ann"), branch("cnn"), -0.2).seconds_per_point == pytest.approx(1.02 * further / 20)
    assert price(branch("cnn", cpu_seconds=None), branch("ann"), 0.2).seconds_per_point == pytest.approx(further / 20)
    assert price(branch("cnn"), branch("ann"), None).seconds_per_point is None


@pytest.mark.parametrize("sides", [{"cnn": 1, "ann": 1}, {"cnn": 1, "ann": 0}])
def test_where_a_gpu_worked_the_clock_on_the_wall_counts(sides):
    """A processor that waits for a GPU says nothing of the work, so both sides are measured by the clock."""
    cnn, ann = (branch(family, cpu_seconds=1.0, gpus=gpus) for family, gpus in sides.items())
    found = price(cnn, ann, 0.2)
    assert (found.clock, found.training) == ("wall", found.train_seconds)
    assert found.seconds_per_point == pytest.approx((61.2 - 9.8) / 20)


def test_models_of_an_earlier_release_know_less_and_fail_nothing():
    """What they did not measure is unknown, and all else is there."""
    old = branch("cnn")
    for replicate in old.replicates:
        for name in ("cpu_seconds", "energy_joules", "peak_memory_bytes", "gpus"):
            replicate.training.pop(name)
    found = cost(old, branch("ann"))
    assert found.cpu_seconds is None
    assert (found.clock, found.training) == ("wall", found.train_seconds)
    assert spending(old, FREE).gpus is None


def test_money_is_that_of_cores_and_of_every_gpu():
    """CPU seconds at the price of a core, and the whole training for each GPU; the search is all its trials."""
    priced = Standards(price_per_core_hour=0.36, price_per_gpu_hour=3.6)
    found = spending(branch("ann", cpu_seconds=100.0, train_seconds=50.0, gpus=2), priced)
    assert found.training_money == pytest.approx(100 * 0.0001 + 2 * 50 * 0.001)
    assert found.search_money == pytest.approx(found.search_cpu_seconds * 0.0001 + 2 * found.search_seconds * 0.001)


def test_no_price_says_nothing_of_money():
    """Nor does a price of what is not known."""
    assert spending(branch("ann"), FREE).training_money is None
    assert spending(branch("ann", cpu_seconds=None), Standards(price_per_core_hour=1)).training_money is None
    assert spending(branch("ann", cpu_seconds=None, gpus=1), Standards(price_per_gpu_hour=1)).training_money > 0
