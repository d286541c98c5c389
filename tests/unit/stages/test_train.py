"""What a training depends on: its own seed, and its own split only where replicates differ in it."""

import pytest
from pydantic import ValidationError

from tasks.settings.place import Place
from tasks.settings.training import Training
from tasks.stages import search, train
from tests.support import synthetic

VARIED = synthetic.TRAINING.model_copy(update={"vary": ("seed", "split")})
OWN_SEARCH = synthetic.TRAINING.model_copy(update={"vary": ("seed", "search")})
ANN, CNN = Place("cifar10", "ann", seed=1), Place("cifar10", "cnn", seed=1)
KEPT = {"family", "budget", "tolerance", "training", "augmentation", "seed", "backend"}


def request(training=synthetic.TRAINING):
    return synthetic.request().model_copy(update={"training": training})


def test_by_default_nothing_of_it_is_in_a_key():
    """Replicates differ in their seed: the settings that keys are made of, and a frozen request, are as they were."""
    found = train.settings(request(), ANN).model_dump(mode="json")
    assert found.keys() == KEPT
    assert "vary" not in found["training"]
    assert "vary" not in request().model_dump(mode="json")["training"]
    assert Training.model_validate(request().training.model_dump()).vary == ("seed",)


def test_each_replicate_has_a_split_and_both_families_have_the_same():
    """Its number is the seed's: another seed is another split, another family is not."""
    splits = [train.settings(request(VARIED), place).split for place in (ANN, CNN, Place("cifar10", "ann", seed=2))]
    assert splits == [1, 1, 2]
    assert train.settings(request(VARIED), ANN).model_dump(mode="json")["split"] == 1
    assert "vary" not in train.settings(request(VARIED), ANN).model_dump(mode="json")["training"]


def test_the_search_is_the_same_whatever_varies():
    """It uses the split of the data, so a run with varied splits reuses the searches of one without."""
    place = Place("cifar10", "ann", shard=0)
    assert search.settings(request(VARIED), place) == search.settings(request(), place)


def test_the_frozen_request_keeps_what_varies():
    """Written and read again, it says the same."""
    kept = type(request()).model_validate_json(request(VARIED).model_dump_json())
    assert kept.training.vary == ("seed", "split")


@pytest.mark.parametrize("vary", [[], ["split"], ["search"], ["seed", "seed"], ["seed", "data"], "seed"])
def test_what_varies_is_the_seed_and_maybe_split_and_search(vary):
    """Anything else is refused, and the message says what there is."""
    with pytest.raises(ValidationError, match=r"expected|Input should be"):
        Training(replicates=1, epochs=1, batch_size=1, vary=vary)


def test_the_order_does_not_matter():
    """Two ways to write it are one setting."""
    varied = Training(replicates=1, epochs=1, batch_size=1, vary=("search", "split", "seed"))
    assert varied.vary == ("seed", "split", "search")


def test_with_searches_of_their_own_replicates_are_trained_with_what_their_own_search_chose():
    """A search has the seed of its replicate, and its split too where that varies. Else all replicates share one."""
    own, shared = request(OWN_SEARCH), request()
    assert train.inputs(own, ANN)["choice"].place == ANN
    assert train.inputs(shared, ANN)["choice"].place == Place("cifar10", "ann")
    shard = Place("cifar10", "ann", seed=1, shard=0)
    assert (search.settings(own, shard).seed, search.settings(own, shard).split) == (1, None)
    assert search.settings(shared, Place("cifar10", "ann", shard=0)).seed == shared.seed
    both = OWN_SEARCH.model_copy(update={"vary": ("seed", "split", "search")})
    assert search.settings(request(both), shard).split == 1
