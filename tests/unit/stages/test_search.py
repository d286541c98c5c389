"""What a search depends on, and so when its result is used again."""

from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages.search import settings


def test_a_search_depends_on_its_own_familys_first_trial_alone():
    """Another one of the CNN's changes the CNN's search, and not the ANN's; none leaves the settings as they were."""
    request = resolve(load_configuration(), Parameters(), "r")
    others = request.search.model_copy(update={"first": {"cnn": {"depths": "2-2-2"}}})
    changed = request.model_copy(update={"search": others})
    of = {family: Place("cifar10", family, shard=0) for family in ("ann", "cnn")}
    assert settings(changed, of["ann"]) == settings(request, of["ann"])
    assert settings(changed, of["cnn"]) != settings(request, of["cnn"])
    assert "first" not in settings(request, of["cnn"]).model_dump()["search"]
