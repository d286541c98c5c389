"""Places: where in a run a stage works, what it is keyed by there, and which of them a run asks for."""

import pytest

from tasks.errors import NotAskedForError, RequestError
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place, branch_places, require, search_places
from tasks.settings.request import Parameters
from tasks.stages import choose, evaluate, search, train

OWN = 250_000  # CIFAR-10's, in the configuration
MODELS = {"datasets": ("cifar10", "fashion_mnist"), "families": ("ann", "cnn")}
PLACE = Place("cifar10", "cnn", 0, 0)


@pytest.fixture(scope="module")
def request_of():
    config = load_configuration()

    def request_of(*budgets):
        return resolve(config, Parameters(profile="smoke", budgets=budgets or None, **MODELS), "r1")

    return request_of


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(), ""),
        (Place("cifar10"), "cifar10"),
        (Place("cifar10", "cnn"), "cifar10/cnn"),
        (Place("cifar10", "cnn", 0), "cifar10/cnn/seed-0"),
        (Place("cifar10", "cnn", shard=1), "cifar10/cnn/shard-1"),
        (Place("cifar10", "cnn", 0, budget=5_000), "cifar10/cnn/budget-5000/seed-0"),
    ],
)
def test_a_place_is_a_path(place, expected):
    """Records and predictions lie where they always did; a budget is one more level, where there are several."""
    assert str(place) == expected


def test_a_run_of_one_budget_knows_no_other_place(request_of):
    """The one budget goes without saying; named all the same it is the same place, and any other is not asked for."""
    request = request_of()
    assert require(request, "replicate", PLACE) == Place("cifar10", "cnn", 0)
    assert require(request, "replicate", Place("cifar10", "cnn", 0, budget=OWN)) == Place("cifar10", "cnn", 0)
    with pytest.raises(NotAskedForError, match=r"asks for budget \(250000,\), not 5000"):
        require(request, "family", Place("cifar10", "cnn", budget=5_000))
    assert [str(place) for place in branch_places(request)] == [
        f"{dataset}/{family}" for dataset in ("cifar10", "fashion_mnist") for family in ("ann", "cnn")
    ]


def test_a_search_that_all_replicates_share_has_no_seed(request_of):
    """The one search goes without saying, and keeps its place; where replicates vary in it, each has its own."""
    request = request_of()
    shared, own = Place("cifar10", "cnn", shard=0), Place("cifar10", "cnn", 0, 0)
    assert require(request, "shard", shared) == require(request, "shard", own) == shared
    assert require(request, "search", own) == Place("cifar10", "cnn")
    assert search_places(request) == branch_places(request)
    training = request.training.model_copy(update={"vary": ("seed", "search"), "replicates": 2})
    varied = request.model_copy(update={"training": training})
    assert require(varied, "shard", own) == own
    assert [str(place) for place in search_places(varied)][:2] == ["cifar10/ann/seed-0", "cifar10/ann/seed-1"]
    with pytest.raises(RequestError, match="expected --seed, received none"):
        require(varied, "search", Place("cifar10", "cnn"))


def test_a_run_of_several_budgets_wants_to_be_told_which(request_of):
    """No stage of a family guesses its budget; stages of a dataset have none."""
    request = request_of(5_000, 8_000)
    place = Place("cifar10", "cnn", budget=8_000)
    assert require(request, "family", place) == place
    assert require(request, "dataset", place) == Place("cifar10")
    with pytest.raises(RequestError, match="expected --budget, received none"):
        require(request, "family", Place("cifar10", "cnn"))
    with pytest.raises(NotAskedForError, match=r"asks for budget \(5000, 8000\), not 250000"):
        require(request, "family", Place("cifar10", "cnn", budget=OWN))
    assert [str(place) for place in branch_places(request)][:4] == [
        f"cifar10/{family}/budget-{budget}" for budget in (5_000, 8_000) for family in ("ann", "cnn")
    ]


@pytest.mark.parametrize("stage", [search, train])
def test_the_same_budget_is_the_same_key_however_it_was_asked_for(request_of, stage):
    """A model of a frontier is that of a run at its budget alone; models of different budgets never share a key."""
    alone = stage.settings(request_of(), PLACE)
    named = stage.settings(request_of(OWN), PLACE)
    several = [stage.settings(request_of(OWN, 30_000), Place("cifar10", "cnn", 0, 0, budget=b)) for b in (OWN, 30_000)]
    assert alone == named == several[0]
    assert several[1] == alone.model_copy(update={"budget": 30_000}) != alone


@pytest.mark.parametrize("stage", [choose, train, evaluate])
def test_a_stage_reads_what_was_made_at_its_own_budget(request_of, stage):
    """No input of a family comes from another budget; the data is the same for all."""
    place = require(request_of(5_000, 8_000), stage.STAGE.scope, Place("cifar10", "cnn", 0, 0, budget=8_000))
    inputs = stage.inputs(request_of(5_000, 8_000), place).values()
    assert {source.place.budget for source in inputs if source.stage != "normalize"} == {8_000}
    assert all(source.place == Place("cifar10") for source in inputs if source.stage == "normalize")
