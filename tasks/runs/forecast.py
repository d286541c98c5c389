"""A forecast: what a run would find done already. It is told from manifests alone, and nothing is made for it.

The keys are those that execution computes. So a forecast knows of every change of data, settings, code and libraries.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import takewhile

from tasks.runs.execution import parts_of_key
from tasks.runs.history import previous_manifest
from tasks.runs.stage import Input, Stage
from tasks.settings.place import Place, branch_places
from tasks.settings.request import Request
from tasks.settings.training import MAX_REPLICATES
from tasks.storage.artifacts import Manifest, artifact_key, find
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError

log = logging.getLogger(__name__)


class Forecast:
    """What the store has of the artifacts that runs like `request` are made of.

    `version` says of a dataset which version of its files a run would fetch, or None where nobody can know before.
    """

    def __init__(
        self, request: Request, store: Store, stages: Mapping[str, Stage], version: Callable[[str], str | None]
    ):
        self._request, self._store, self._stages, self._version = request, store, stages, version
        self._found: dict[tuple[str, Place], Manifest | None] = {}

    def trained(self) -> int:
        """How many of the seeds, from the first one on, have a model in every branch."""
        return min(self._trained(place) for place in branch_places(self._request))

    def _trained(self, place: Place) -> int:
        seeds = (replace(place, seed=self._request.seed + number) for number in range(MAX_REPLICATES))
        return sum(1 for _ in takewhile(lambda training: self._manifest("train", training), seeds))

    def is_evaluated(self, replicates: int) -> bool:
        """Whether every branch was measured at just that many seeds."""
        training = self._request.training.model_copy(update={"replicates": replicates})
        request = self._request.model_copy(update={"training": training})
        return all(self._looked_up("evaluate", place, request) for place in branch_places(request))

    def has(self, name: str, place: Place) -> bool:
        """Whether the artifact of a stage of the request itself is there."""
        return self._manifest(name, place) is not None

    def _manifest(self, name: str, place: Place) -> Manifest | None:
        """The artifact of a stage of the request."""
        if (name, place) not in self._found:
            self._found[name, place] = self._looked_up(name, place, self._request)
        return self._found[name, place]

    def _looked_up(self, name: str, place: Place, request: Request) -> Manifest | None:
        """The artifact of a stage at a place; None where it, or something that it is made from, is not there.

        Without a version the key is one that no artifact has.
        """
        stage = self._stages[name]
        sources = stage.inputs(request, place)
        found = {name: manifest for name, source in sources.items() if (manifest := self._input(source))}
        if any(name not in found for name, source in sources.items() if source.version == "present"):
            return None
        is_living = stage.look is not None and request.dataset(place.dataset).location is not None
        version = self._version(place.dataset or "") if is_living else None
        try:
            return find(self._store, name, artifact_key(name, **parts_of_key(stage, request, place, found, version)))
        except DamagedError as error:
            log.warning("%s", error)
            return None

    def _input(self, source: Input) -> Manifest | None:
        if source.version == "present":
            return self._manifest(source.stage, source.place)
        version = self._version(source.place.dataset or "")
        return previous_manifest(self._store, version, source) if version else None
