"""Conclude: the families compared on one dataset, on a page of its own. A run of few datasets has one page for all."""

from tasks.errors import NotAskedForError
from tasks.report.parts import make_part
from tasks.runs.records import recorded
from tasks.settings.place import Place, require
from tasks.settings.request import Request
from tasks.settings.workflow import CONCLUDE
from tasks.stages.report import require_whole
from tasks.storage.contract import Store


def conclude(request: Request, store: Store, place: Place) -> None:
    """Write the part of a dataset, which `report` joins.

    Raises:
        NotAskedForError: the run does not ask for the dataset, or has one page for all.
        DataError: artifacts are damaged; the part is written nevertheless, and names them.
    """
    place = require(request, CONCLUDE.scope, place)
    if not request.has_pages:
        raise NotAskedForError("nothing to do: the report compares all datasets of this run")
    with recorded(store, request.run, place, CONCLUDE.name) as record:
        require_whole(make_part(request, store, str(place.dataset), record.progress))
