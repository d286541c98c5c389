"""Fetch: the dataset's official files, checked digest by digest, as they came."""

from typing import Any

from pydantic import Field

from tasks.data.downloads import bring
from tasks.runs.stage import Stage, Work
from tasks.settings.dataset import Source
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.values import Frozen


class Settings(Frozen):
    """The digests are the key; where the bytes come from is not, since it cannot change them."""

    digests: dict[str, str]
    sources: tuple[Source, ...] = Field(exclude=True)
    mirror: str | None = Field(exclude=True)
    allowed_addresses: tuple[str, ...] = Field(exclude=True)


def settings(request: Request, place: Place) -> Settings:
    """The sources of the dataset, each below the mirror's folder when there is a mirror."""
    dataset = request.dataset(place.dataset)
    digests = {file: digest for source in dataset.sources for file, digest in source.digests.items()}
    mirror = f"{request.mirror.rstrip('/')}/{dataset.mirror_folder}" if request.mirror else None
    return Settings(
        digests=digests, sources=dataset.sources, mirror=mirror, allowed_addresses=request.allowed_addresses
    )


def run(work: Work) -> dict[str, Any]:
    """Bring every source's files into the output folder."""
    settings: Settings = work.settings
    for number, source in enumerate(settings.sources, 1):
        work.progress(f"file {number}/{len(settings.sources)}: {source.name}")
        bring(source, settings.mirror, work.output, work.progress, settings.allowed_addresses)
    return {"files": sorted(settings.digests)}


STAGE = Stage("fetch", settings, lambda request, place: {}, run)
