"""The members of an archive, unpacked one by one."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.data.part import is_hidden
from tasks.data.sources.archives import unpack
from tasks.errors import DataError
from tasks.registry.prediction.file import NO_FILES, Asked, UnreadableError, on_disk, opened, unreadable, without_name


def members(path: str, name: str) -> Iterator[Asked]:
    """The files in the archive at `path`, which people know as `name`; one of them is on the disk at a time.

    An archive that cannot be read, or that no one should read, gives one entry that says so after what came before.
    """
    is_empty = True
    try:
        with opened(path):  # says why it cannot be read, in one line
            pass
        for member in _unpacked(path, name):
            is_empty = False
            yield member
    except (UnreadableError, DataError) as error:
        yield unreadable(name, without_name(error, name))
        return
    if is_empty:
        yield unreadable(name, NO_FILES)


def _unpacked(path: str, name: str) -> Iterator[Asked]:
    with TemporaryDirectory(prefix="members-") as folder:
        for member, file in unpack(Path(path), Path(folder), name):
            if not is_hidden(member):
                yield Asked(f"{name}/{member}", on_disk(str(file)).read)
            file.unlink()
