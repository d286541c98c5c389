"""The space of a search, and the values of its first trial."""

from itertools import islice

import pytest

from tasks.errors import RequestError
from tests.support.lazy import Lazy

network = Lazy("tasks.learning.network")
proposals = Lazy("tasks.learning.search.proposals")
searched = Lazy("tasks.learning.search.space")


def described(family):
    return network.Description(family=family, shape=(8, 8, 1), classes=3, budget=5_000, mean=(90,), std=(50,))


def test_the_first_trial_has_the_values_that_it_is_given():
    """And the defaults for the rest. The trials after it are what they would be without."""
    description = described("cnn")
    given = searched.space(description.with_hyperparameters({"depths": "2-2-2", "weight_decay": 0.1}))
    defaults = searched.space(description)
    assert given.values == {**defaults.values, "depths": "2-2-2", "weight_decay": 0.1}
    first, *others = islice(proposals.proposals(given, seed=0), 5)
    assert first == given.values
    assert others == list(islice(proposals.proposals(defaults, seed=0), 5))[1:]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("layers", 2.0, "a whole number from 1 to 3"),
        ("layers", 4, "a whole number from 1 to 3"),
        ("dropout", "much", "a number from 0.0 to 0.5"),
        ("bias", 1, "one of False, True"),
        ("kind", "huge", "one of 'small', 'large'"),
        ("version", 2, "one of 1"),
    ],
)
def test_a_value_outside_of_a_familys_space_is_refused(monkeypatch, name, value, expected):
    """Whatever the kind of the dimension; each kind takes a value of its own."""

    def family(description, hp):
        hp.Int("layers", 1, 3)
        hp.Float("dropout", 0.0, 0.5)
        hp.Boolean("bias")
        hp.Choice("kind", ["small", "large"])
        hp.Fixed("version", 1)

    monkeypatch.setattr(searched, "core", family)
    description = described("ann")
    allowed = {"layers": 3, "dropout": 0, "bias": True, "kind": "large", "version": 1}
    assert searched.space(description.with_hyperparameters(allowed)).values.items() >= allowed.items()
    with pytest.raises(RequestError, match=f"^hyper-parameter {name}: expected {expected}, received {value!r}$"):
        searched.space(description.with_hyperparameters({name: value}))


def test_both_families_share_one_optimizer_space():
    """The comparison would not be fair otherwise."""
    spaces = [
        {
            dimension.name: dimension.get_config()
            for dimension in searched.space(described(family)).space
            if dimension.name in {"learning_rate", "weight_decay", "label_smoothing"}
        }
        for family in ("ann", "cnn")
    ]
    assert len(spaces[0]) == 3
    assert spaces[0] == spaces[1]
