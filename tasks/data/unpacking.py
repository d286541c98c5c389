"""Pinned archives of single images, unpacked."""

from collections.abc import Sequence
from pathlib import Path

from tasks.data.part import Given
from tasks.data.sources.archives import ARCHIVES, unpack


def unpacked(files: Sequence[Given], folder: Path) -> list[Given]:
    """`files` with the members of each archive in its place; these lie in `folder`.

    Raises:
        DataError: an archive is damaged, or a member of it is no plain file.
    """
    found = []
    for number, file in enumerate(files):
        if file.name.lower().endswith(ARCHIVES):
            place = folder / f"archive-{number}"
            place.mkdir()
            found += [Given(name, path) for name, path in unpack(file.path, place, file.name)]
        else:
            found.append(file)
    return found
