"""A forecast: what a run would find done already. It is told from manifests alone, and nothing is made for it.

The keys are those that execution computes. So a forecast knows of every change of data, settings, code and libraries.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from functools import cache
from itertools import takewhile

from tasks.runs.execution import parts_of_key
from tasks.runs.history import previous_manifest
from tasks.runs.stage import Input, Stage
from tasks.settings.place import Place, branch_places
from tasks.settings.request import Request
from tasks.settings.training import MAX_REPLICATES
from tasks.settings.workload import Key
from tasks.storage.artifacts import Manifest, artifact_key, find
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError
from tasks.storage.threads import spread

log = logging.getLogger(__name__)


class Forecast:
    """What the store has of the artifacts that runs like `request` are made of.

    `version` says of a dataset which version of its files a run would fetch, or None where nobody can know before.
    """

    def __init__(
        self, request: Request, store: Store, stages: Mapping[str, Stage], version: Callable[[str], str | None]
    ):
        self.request, self._store, self._stages, self._version = request, store, stages, cache(version)
        self._found: dict[Key, Manifest | None] = {}

    def with_replicates(self, number: int) -> "Forecast":
        """The forecast of the same run with so many replicates; what this one has found is not looked up again."""
        training = self.request.training.model_copy(update={"replicates": number})
        other = copy(self)
        other.request = self.request.model_copy(update={"training": training})
        other._found = {key: found for key, found in self._found.items() if key[0] != "evaluate"}
        return other

    def trained(self) -> int:
        """How many of the seeds, from the first one on, have a model in every branch."""
        return min(self._trained(place) for place in branch_places(self.request))

    def _trained(self, place: Place) -> int:
        seeds = (replace(place, seed=self.request.seed + number) for number in range(MAX_REPLICATES))
        return sum(1 for _ in takewhile(lambda training: self._manifest("train", training), seeds))

    def is_evaluated(self) -> bool:
        """Whether every branch was measured at just as many seeds as the request has."""
        return all(self._manifest("evaluate", place) for place in branch_places(self.request))

    def there(self, keys: Iterable[Key]) -> set[Key]:
        """Those of `keys` whose artifact is there; they are looked up many at a time, stage by stage."""
        asked = [key for key in keys if key[0] in self._stages]
        for stage in self._stages:
            of_stage = [key for key in asked if key[0] == stage and key not in self._found]
            for (key, _), manifest in spread(self._find, ((key, self._artifact(*key)) for key in of_stage)):
                self._found[key] = manifest
        return {key for key in asked if self._found[key]}

    def _manifest(self, name: str, place: Place) -> Manifest | None:
        """The artifact of a stage of the request."""
        if (name, place) not in self._found:
            self._found[name, place] = self._find(((name, place), self._artifact(name, place)))
        return self._found[name, place]

    def _find(self, looked_for: tuple[Key, str | None]) -> Manifest | None:
        """The artifact of a stage under its key, if it is there. Any thread may ask."""
        (name, _), key = looked_for
        try:
            return find(self._store, name, key) if key else None
        except DamagedError as error:
            log.warning("%s", error)
            return None

    def _artifact(self, name: str, place: Place) -> str | None:
        """The key of the artifact of a stage at a place; None where something that it is made from is not there.

        Without a version the key is one that no artifact has. Python parses code for it, which no two threads may do at
        once: CPython 3.11 then fails now and then (python/cpython#106905).
        """
        stage, request = self._stages[name], self.request
        sources = stage.inputs(request, place)
        found = {name: manifest for name, source in sources.items() if (manifest := self._input(source))}
        if any(name not in found for name, source in sources.items() if source.version == "present"):
            return None
        is_living = stage.look is not None and request.dataset(place.dataset).location is not None
        version = self._version(place.dataset or "") if is_living else None
        return artifact_key(name, **parts_of_key(stage, request, place, found, version))

    def _input(self, source: Input) -> Manifest | None:
        if source.version == "present":
            return self._manifest(source.stage, source.place)
        version = self._version(source.place.dataset or "")
        return previous_manifest(self._store, version, source) if version else None
