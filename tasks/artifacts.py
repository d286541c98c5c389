"""Artifacts: the immutable files of a stage, under a key that is the digest of all that went in.

Commit protocol: files first, under names that carry their digest, then the manifest by a conditional write. Two writers
of one key never touch each other's files; the first manifest wins and both go on with it. A killed writer leaves no
manifest, so nothing that a reader could take for a result.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.request import FileName, Frozen, Sha256
from tasks.store import ObjectMissing, Store, StoreError

KEY_LENGTH = 40  # hex digits: 160 bits, short enough to read in a listing


class File(Frozen):
    """One file of an artifact: where its bytes are, and what they must be; `size` in bytes."""

    object: str
    sha256: Sha256
    size: int


class Manifest(Frozen):
    """What names an artifact, written last; `made` says from what, `summary` holds the stage's small results."""

    version: int = 1
    stage: str
    key: str
    files: dict[FileName, File]
    made: dict[str, Any]
    summary: dict[str, Any]

    @property
    def digest(self) -> str:
        """The digest of the artifact's content, which its readers put into their own keys."""
        return digest_of({"stage": self.stage, "files": {name: file.sha256 for name, file in self.files.items()}})


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`, cut to KEY_LENGTH hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]


def artifact_key(stage: str, settings: dict, inputs: dict[str, str], code: str) -> str:
    """The key of what `stage` makes from `settings`, its inputs' content digests and the digest of its `code`."""
    return digest_of({"stage": stage, "settings": settings, "inputs": inputs, "code": code})


def find(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest under `key`, or None when the artifact was never completed."""
    try:
        return Manifest.model_validate_json(store.read(_manifest_object(stage, key)))
    except ObjectMissing:
        return None


def is_whole(store: Store, manifest: Manifest) -> bool:
    """Whether every file of the artifact is there with the promised bytes; reads them all."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        try:
            materialize(store, manifest, manifest.files, Path(folder))
        except StoreError:
            return False
    return True


def materialize(store: Store, manifest: Manifest, names: Iterable[str], folder: Path) -> None:
    """Bring the named files of an artifact into `folder`.

    Raises:
        StoreError: a file is missing, or its bytes are not those that the manifest promises.
    """
    for name in names:
        file = manifest.files[name]
        try:
            store.download(file.object, folder / name)
        except ObjectMissing:
            raise StoreError(
                f"{store.uri}/{file.object}: missing, though its manifest names it; run with force"
            ) from None
        found = file_digest(folder / name)
        if found != file.sha256:
            raise StoreError(
                f"{store.uri}/{file.object}: expected SHA-256 {file.sha256}, received {found}; delete the artifact "
                f"artifacts/{manifest.stage}/{manifest.key} and run again"
            )


def read_file(store: Store, manifest: Manifest, name: str) -> bytes:
    """The verified bytes of one small file of an artifact; raises as `materialize` does."""
    with tempfile.TemporaryDirectory(prefix="read-") as folder:
        materialize(store, manifest, [name], Path(folder))
        return Path(folder, name).read_bytes()


def commit(store: Store, stage: str, key: str, folder: Path, made: dict, summary: dict) -> Manifest:
    """Store every file in `folder` as the artifact `key`; the manifest that stands, ours or an earlier writer's."""
    files = {path.name: _put(store, stage, key, path) for path in sorted(folder.iterdir())}
    manifest = Manifest(stage=stage, key=key, files=files, made=made, summary=summary)
    body = manifest.model_dump_json(indent=1).encode()
    if store.write(_manifest_object(stage, key), body, if_absent=True):
        return manifest
    return _settle(store, manifest, body)


def _settle(store: Store, ours: Manifest, body: bytes) -> Manifest:
    """Another manifest came first: keep it when its files are whole, else mend it with ours."""
    theirs = find(store, ours.stage, ours.key)
    if theirs is not None and is_whole(store, theirs):
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
