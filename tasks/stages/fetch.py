"""Fetch: the dataset's files, unchanged: pinned ones, each checked by its digest, or a snapshot of a living source."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from tasks.data.sources.downloads import bring
from tasks.data.sources.freshness import look_again, note
from tasks.data.sources.locations import location_at
from tasks.data.sources.looks import take
from tasks.runs.stage import Stage, Work
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen
from tasks.storage.snapshots import SNAPSHOT, Shelf, Snapshot


class Settings(Frozen):
    """The key covers the digests of pinned files. It does not cover where the bytes come from, as that changes nothing.

    A living source is known by its location; the version of what lies there is in the key. `afresh` reads all of it.
    """

    digests: dict[str, str]
    sources: tuple[Source, ...] = Field(exclude=True)
    mirror: str | None = Field(exclude=True)
    allowed_addresses: tuple[str, ...] = Field(exclude=True)
    location: str | None = Field(default=None, exclude=True)
    afresh: bool = Field(default=False, exclude=True)


def settings(request: Request, place: Place) -> Settings:
    """The sources of the dataset, and the dataset's folder of the mirror when there is a mirror."""
    dataset = request.dataset(place.dataset)
    digests = {file: digest for source in dataset.sources for file, digest in source.digests.items()}
    mirror = f"{request.mirror.rstrip('/')}/{dataset.mirror_folder or dataset.name}" if request.mirror else None
    return Settings(
        digests=digests,
        sources=dataset.sources,
        mirror=mirror,
        allowed_addresses=request.allowed_addresses,
        location=dataset.location,
        afresh="fetch" in request.force,
    )


def look(settings: Settings, shelf: Shelf, progress: Callable[[str], None]) -> Snapshot | None:
    """The snapshot of what lies at the location now; None where the files are pinned."""
    if settings.location is None:
        return None
    location = location_at(settings.location, settings.allowed_addresses, progress)
    snapshot = take(location, settings.location, shelf, progress, afresh=settings.afresh)
    progress(f"version {snapshot.version}: {len(snapshot.files):,} files, {snapshot.read:,} of them read now")
    return snapshot


def run(work: Work) -> dict[str, Any]:
    """Write the snapshot, or download every pinned source's files, into the output folder."""
    return _snapshot(work) if work.snapshot else _downloads(work)


def _snapshot(work: Work) -> dict[str, Any]:
    """Write the list; its files are in the store."""
    snapshot: Snapshot = work.snapshot
    (work.output / SNAPSHOT).write_text(snapshot.model_dump_json(), encoding="utf-8")
    counts = {"files": len(snapshot.files), "listed": snapshot.listed, "read": snapshot.read}
    return {"version": snapshot.version} | counts


def _downloads(work: Work) -> dict[str, Any]:
    """Download every source's files, and note what each source is like."""
    settings: Settings = work.settings
    perimeter, notes = Perimeter(settings.allowed_addresses), {}
    for number, source in enumerate(settings.sources, 1):
        work.progress(f"file {number}/{len(settings.sources)}: {source.name}")
        address, answer = bring(source, settings.mirror, work.output, work.progress, settings.allowed_addresses)
        notes[source.name] = note(address, answer, perimeter)
    return {"files": sorted(settings.digests), "sources": notes}


def revisit(settings: Settings, summary: dict[str, Any], made: str) -> tuple[str, bool]:
    """What the sources are like now, in one line, and whether it is a warning."""
    if settings.location is not None:
        return f"version {summary['version']}; the location was listed now and holds the same", False
    perimeter = Perimeter(settings.allowed_addresses)
    return look_again(settings.sources, settings.mirror, perimeter, summary.get("sources", {}), made)


STAGE = Stage("fetch", settings, lambda request, place: {}, run, look=look, revisit=revisit)
