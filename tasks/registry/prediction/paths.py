"""What is asked about: image files, folders, archives, the objects under an s3:// prefix, and names on a stream.

Nothing is read before it is asked for, and one file at a time is in the memory. Of a folder the names beside the
present one are held, of a prefix all names. What cannot be read says why, and the others go on.
"""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tasks.data.part import is_hidden
from tasks.data.sources.archives import ARCHIVES
from tasks.registry.prediction.file import NO_FILES, Asked, on_disk, reason, unreadable
from tasks.registry.prediction.members import members

STREAM = "-"  # stands for the names on a stream, one a line
BUCKETS = "s3://"


def asked(paths: Iterable[str], stream: BinaryIO) -> Iterator[Asked]:
    """Every file that `paths` stand for, in their order; those of a folder, or of a prefix, are sorted.

    Hidden files of folders, archives and prefixes are passed over. An archive is unpacked where it is named itself.
    Where a path stands for nothing that can be read, there is one entry that says so.
    """
    for path in paths:
        for name in _lines(stream) if path == STREAM else [path]:
            yield from _below(name)


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The names on a stream, as they come; an empty line is none."""
    return (os.fsdecode(name) for name in (line.rstrip(b"\n") for line in stream) if name)


def _below(path: str) -> Iterator[Asked]:
    if path.startswith(BUCKETS):
        from tasks.registry.prediction.bucket import objects  # importing boto3 is slow

        return objects(path)
    if os.path.isdir(path):
        return _folder(path)
    if path.lower().endswith(ARCHIVES):
        return members(path, path)
    return iter([on_disk(path)])


def _folder(top: str) -> Iterator[Asked]:
    """The files below a folder; links to folders are not followed."""
    is_empty, waiting = True, [(top, True)]
    while waiting:
        path, is_folder = waiting.pop()
        try:
            found = None if is_folder else on_disk(path)
            waiting += reversed(_children(path)) if is_folder else []
        except OSError as error:
            found = unreadable(path, reason(error))
        if found:
            is_empty = False
            yield found
    if is_empty:
        yield unreadable(top, NO_FILES)


def _children(folder: str) -> list[tuple[str, bool]]:
    """What lies in a folder and is not hidden, with whether it is a folder; sorted as the whole paths are."""
    with os.scandir(folder) as found:
        names = [(each.name, each.is_dir(follow_symlinks=False)) for each in found if not is_hidden(each.name)]
    names.sort(key=lambda child: f"{child[0]}/" if child[1] else child[0])
    return [(os.path.join(folder, name), is_folder) for name, is_folder in names]
