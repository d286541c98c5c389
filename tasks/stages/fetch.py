"""Fetch: the dataset's official files, unchanged, each checked by its digest."""

from typing import Any

from pydantic import Field

from tasks.data.sources.downloads import bring
from tasks.data.sources.freshness import look_again, note
from tasks.runs.stage import Stage, Work
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen


class Settings(Frozen):
    """The key covers the digests. It does not cover where the bytes come from, since that cannot change them."""

    digests: dict[str, str]
    sources: tuple[Source, ...] = Field(exclude=True)
    mirror: str | None = Field(exclude=True)
    allowed_addresses: tuple[str, ...] = Field(exclude=True)


def settings(request: Request, place: Place) -> Settings:
    """The sources of the dataset, and the dataset's folder of the mirror when there is a mirror."""
    dataset = request.dataset(place.dataset)
    digests = {file: digest for source in dataset.sources for file, digest in source.digests.items()}
    mirror = f"{request.mirror.rstrip('/')}/{dataset.mirror_folder or dataset.name}" if request.mirror else None
    return Settings(
        digests=digests, sources=dataset.sources, mirror=mirror, allowed_addresses=request.allowed_addresses
    )


def run(work: Work) -> dict[str, Any]:
    """Download every source's files into the output folder, and note what each source is like."""
    settings: Settings = work.settings
    perimeter, notes = Perimeter(settings.allowed_addresses), {}
    for number, source in enumerate(settings.sources, 1):
        work.progress(f"file {number}/{len(settings.sources)}: {source.name}")
        address, answer = bring(source, settings.mirror, work.output, work.progress, settings.allowed_addresses)
        notes[source.name] = note(address, answer, perimeter)
    return {"files": sorted(settings.digests), "sources": notes}


def revisit(settings: Settings, summary: dict[str, Any], made: str) -> tuple[str, bool]:
    """What the sources are like now, in one line, and whether it is a warning."""
    perimeter = Perimeter(settings.allowed_addresses)
    return look_again(settings.sources, settings.mirror, perimeter, summary.get("sources", {}), made)


STAGE = Stage("fetch", settings, lambda request, place: {}, run, revisit=revisit)
