"""Artifacts: the immutable files of a stage, under a key that is the digest of everything that determines them.

Commit protocol: the files come first, under names that carry their digest. The manifest follows by a conditional write.
Two writers of one key never touch each other's files: the first manifest wins, and both use it. A killed writer leaves
no manifest, so a reader cannot take its files for a result.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.settings.values import FileName, Frozen, Name, Sha256
from tasks.storage.contract import ObjectMissing, Store, is_key
from tasks.storage.documents import DamagedError, read_document

log = logging.getLogger(__name__)
KEY_LENGTH = 40  # hex digits: 160 bits, short enough to read in a listing
REMEDY = "run the workflow again, and the stage makes its artifact again"


class File(Frozen):
    """One file of an artifact: the key of its object, its SHA-256, and its size in bytes."""

    object: str
    sha256: Sha256
    size: int


class Manifest(Frozen):
    """The description of an artifact, written last. `made` says from what; `summary` holds the stage's small results.

    `seal` is the digest of all other fields, so that damage to the manifest shows. It is null in manifests older than
    seals.
    """

    version: int = 1
    stage: Name
    key: FileName
    files: dict[FileName, File]
    made: dict[str, Any]
    summary: dict[str, Any]
    seal: str | None = None

    def sealed(self) -> "Manifest":
        """The same manifest with its seal: the digest of the JSON that a reader gets, in which NaN is null."""
        return self.model_copy(update={"seal": digest_of(json.loads(self.model_dump_json(exclude={"seal"})))})

    @property
    def digest(self) -> str:
        """The digest of the artifact's content, which its readers put into their own keys."""
        return digest_of({"stage": self.stage, "files": {name: file.sha256 for name, file in self.files.items()}})


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`, cut to KEY_LENGTH hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]


def artifact_key(
    stage: str, settings: dict, inputs: dict[str, str], code: str, libraries: Mapping[str, str] | None = None
) -> str:
    """The key of what `stage` makes from `settings`, its inputs' content digests, its `code` and its `libraries`.

    Without libraries the key is that of releases whose keys did not cover them.
    """
    parts = {"stage": stage, "settings": settings, "inputs": inputs, "code": code}
    return digest_of(parts | ({"libraries": libraries} if libraries else {}))


def find(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest under `key`, or None when the artifact was never completed.

    Raises:
        DamagedError: the object is not a manifest, not the manifest that was written, or that of another artifact.
    """
    place = _manifest_object(stage, key)
    try:
        manifest = read_document(store, place, Manifest, "a manifest", REMEDY)
    except ObjectMissing:
        return None
    if difference := _difference(manifest, stage, key):
        raise _damaged(store, place, difference)
    return manifest


def _difference(manifest: Manifest, stage: str, key: str) -> str | None:
    """Why `manifest` is not that of the artifact `key` of `stage`, if so."""
    if manifest.seal is not None and manifest != manifest.sealed():
        return "expected the manifest that was sealed, received another"
    if (manifest.stage, manifest.key) != (stage, key):
        return f"expected the manifest of {stage}/{key}, received that of {manifest.stage}/{manifest.key}"
    folder = f"artifacts/{stage}/{key}/"
    for file in manifest.files.values():
        if not (file.object.startswith(folder) and is_key(file.object)):
            return f"expected files below {folder}, received {file.object!r:.200}"
    return None


def _damaged(store: Store, place: str, difference: str) -> DamagedError:
    return DamagedError(f"{store.uri}/{place}", difference, REMEDY)


def find_whole(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest under `key` after every file was verified, or None when the artifact is missing or damaged."""
    try:
        manifest = find(store, stage, key)
        if manifest is not None:
            verify(store, manifest)
    except DamagedError as error:
        log.warning("damaged: %s", error)
        return None
    return manifest


def verify(store: Store, manifest: Manifest) -> None:
    """Read every file of the artifact and check its digest; raises as `materialize` does."""
    with materialized(store, manifest, manifest.files):
        pass


@contextmanager
def materialized(store: Store, manifest: Manifest, names: Iterable[str]) -> Iterator[Path]:
    """During the block, a folder with the named files of an artifact; raises as `materialize` does."""
    with tempfile.TemporaryDirectory(prefix=f"{manifest.stage}-") as folder:
        materialize(store, manifest, names, Path(folder))
        yield Path(folder)


def materialize(store: Store, manifest: Manifest, names: Iterable[str], folder: Path) -> None:
    """Download the named files of an artifact into `folder`.

    Raises:
        DamagedError: a file is missing, or its bytes are not those that the manifest promises.
    """
    for name in names:
        file = manifest.files[name]
        try:
            received = _downloaded(store, file, folder / name)
        except ObjectMissing:
            raise _damaged(store, file.object, "expected the file that its manifest names, found nothing") from None
        if received != file.sha256:
            raise _damaged(store, file.object, f"expected SHA-256 {file.sha256}, received {received}")


def _downloaded(store: Store, file: File, path: Path) -> str:
    """The digest of the file downloaded to `path`. A wrong one is downloaded twice: the transfer may be at fault."""
    for _ in range(2):
        store.download(file.object, path)
        received = file_digest(path)
        if received == file.sha256:
            break
    return received


def read_file(store: Store, manifest: Manifest, name: str) -> bytes:
    """The verified bytes of one small file of an artifact; raises as `materialize` does."""
    with materialized(store, manifest, [name]) as folder:
        return (folder / name).read_bytes()


def commit(store: Store, stage: str, key: str, folder: Path, made: dict, summary: dict) -> Manifest:
    """Store every file in `folder` as the artifact `key`. Return its manifest: ours, or that of an earlier writer."""
    files = {path.name: _put(store, stage, key, path) for path in sorted(folder.iterdir())}
    manifest = Manifest(stage=stage, key=key, files=files, made=made, summary=summary).sealed()
    body = manifest.model_dump_json(indent=1).encode()
    if store.write(_manifest_object(stage, key), body, if_absent=True):
        return manifest
    return _kept_or_replaced(store, manifest, body)


def _kept_or_replaced(store: Store, ours: Manifest, body: bytes) -> Manifest:
    """The manifest that stands when another one came first: theirs if its files are whole, otherwise ours."""
    theirs = find_whole(store, ours.stage, ours.key)
    if theirs is not None:
        return theirs
    store.write(_manifest_object(ours.stage, ours.key), body)
    return ours


def _put(store: Store, stage: str, key: str, path: Path) -> File:
    sha256 = file_digest(path)
    file = File(object=f"artifacts/{stage}/{key}/{sha256[:16]}/{path.name}", sha256=sha256, size=path.stat().st_size)
    store.upload(file.object, path)
    return file


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _manifest_object(stage: str, key: str) -> str:
    return f"artifacts/{stage}/{key}/manifest.json"
