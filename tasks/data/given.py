"""The files that a stage was given: those of a snapshot under their names at the source, or pinned ones."""

from pathlib import Path

from tasks.data.part import Given
from tasks.storage.snapshots import SNAPSHOT, Snapshot


def given(folder: Path) -> list[Given]:
    """The fetched files in `folder`, sorted by name."""
    if snapshot := _snapshot(folder):
        return in_place(snapshot, folder)
    return [Given(path.name, path) for path in sorted(folder.iterdir())]


def in_place(snapshot: Snapshot, folder: Path) -> list[Given]:
    """The files of a snapshot that were put into `folder`, each under its SHA-256."""
    return [Given(file.name, folder / file.sha256) for file in snapshot.files]


def version(folder: Path) -> str | None:
    """The version of the snapshot in `folder`, or None where the files are pinned ones."""
    snapshot = _snapshot(folder)
    return snapshot.version if snapshot else None


def _snapshot(folder: Path) -> Snapshot | None:
    document = folder / SNAPSHOT
    return Snapshot.model_validate_json(document.read_bytes()) if document.exists() else None
