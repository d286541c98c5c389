"""Fetch: the dataset's official files, checked digest by digest, as they came."""

from typing import Any

from pydantic import Field

from tasks.downloads import bring
from tasks.request import Frozen, Request, Source
from tasks.stage import Place, Stage, Work


class Settings(Frozen):
    """The digests are the key; where the bytes come from is not, since it cannot change them."""

    digests: dict[str, str]
    sources: tuple[Source, ...] = Field(exclude=True)
    mirror: str | None = Field(exclude=True)
    private: tuple[str, ...] = Field(exclude=True)


def settings(request: Request, place: Place) -> Settings:
    """The sources of the dataset, each below the mirror's folder when there is a mirror."""
    dataset = request.dataset(place.dataset)
    digests = {file: digest for source in dataset.sources for file, digest in source.digests.items()}
    mirror = f"{request.mirror.rstrip('/')}/{dataset.mirror_folder}" if request.mirror else None
    return Settings(digests=digests, sources=dataset.sources, mirror=mirror, private=request.private)


def run(work: Work) -> dict[str, Any]:
    """Bring every source's files into the output folder."""
    wish: Settings = work.settings
    for number, source in enumerate(wish.sources, 1):
        work.progress(f"file {number}/{len(wish.sources)}: {source.name}")
        bring(source, wish.mirror, work.output, work.progress, wish.private)
    return {"files": sorted(wish.digests)}


STAGE = Stage("fetch", "dataset", settings, lambda request, place: {}, run)
