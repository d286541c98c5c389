"""What evaluate asks for."""

from tasks.settings.place import Place
from tasks.stages.evaluate import inputs, settings
from tests.support import synthetic


def test_data_that_may_change_have_a_version_before():
    """Of a living dataset the first seed's model of the version before is asked for too; of a pinned one it is not."""
    request = synthetic.request((synthetic.living(), synthetic.dataset()), replicates=2)
    living, pinned = (inputs(request, Place(name, "cnn")) for name in ("flowers", "cifar10"))
    assert pinned.keys() == {"data", "seed-0", "seed-1"}
    assert {input_.version for input_ in pinned.values()} == {"present"}
    assert living.keys() - pinned.keys() == {"earlier", "earlier-data"}
    assert (living["earlier"].version, living["earlier"].place.seed) == ("previous", 0)
    assert living["earlier-data"].version == "previous"


def test_the_training_part_is_read_only_where_each_seed_has_its_own_partition():
    """The temperature is fitted on the images that each model was validated on; the key says whose they are."""
    place = Place("cifar10", "cnn")
    request = synthetic.request()
    own = request.model_copy(update={"training": request.training.model_copy(update={"vary": ("seed", "split")})})
    shared, split = ({*inputs(each, place)["data"].files} for each in (request, own))
    assert {"validation-images.npy", "test-images.npy", "centroids.npy"} <= shared
    assert split - shared == {"train-images.npy", "train-labels.npy"}
    assert "split" not in settings(request, place).model_dump()
    assert settings(own, place).model_dump()["split"] is True
