"""The execution of one stage: its key, its reuse, its work, its commit."""

import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import OutOfMemoryError, RequestError
from tasks.runs.history import manifest_of
from tasks.runs.imports import import_lean
from tasks.runs.numerics import NONE, Numerics
from tasks.runs.reasons import lack_of_memory
from tasks.runs.records import Record, now, recorded
from tasks.runs.stage import REUSED, WARNING, Stage, Work
from tasks.settings.place import Place, require
from tasks.settings.request import Request
from tasks.storage import snapshots
from tasks.storage.artifacts import Manifest, artifact_key, commit, digest_of, find_whole, materialize
from tasks.storage.checkpoints import StoredCheckpoints
from tasks.storage.contract import Store
from tasks.storage.provenance import code_digest, computing_libraries, lock_digest, machine, versions

log = logging.getLogger(__name__)


def execute(
    stage: Stage,
    request: Request,
    place: Place,
    store: Store,
    numerics: Numerics = NONE,
    *,
    expects_gpu: bool = False,
) -> Manifest:
    """Run `stage` at `place`, or reuse what an earlier run made from the same settings, inputs and code.

    `numerics` are the variables of the numeric libraries; the manifest names them.

    Raises:
        RequestError: a GPU is expected, there is work to do, and the backend sees none.
        OutOfMemoryError: the memory did not suffice.
    """
    place = require(request, stage.scope, place)
    with recorded(store, request.run, place, stage.name) as record:
        job = _Job(stage, request, place, store, record)
        manifest = job.reused() or job.made(numerics, expects_gpu=expects_gpu)
        # A reused artifact may have checkpoints too: its maker was killed at this line, or another attempt was faster.
        job.checkpoints.clear()
        job.note_version()
        return manifest


class _Job:
    """One stage at one place: the parts of its key, and the two ways to get its artifact."""

    def __init__(self, stage: Stage, request: Request, place: Place, store: Store, record: Record):
        self._stage, self._place, self._store, self._record = stage, place, store, record
        self._request = request
        self._settings = stage.settings(request, place)
        self._inputs = stage.inputs(request, place)
        found = {name: manifest_of(store, request.run, input_) for name, input_ in self._inputs.items()}
        self._manifests = {name: manifest for name, manifest in found.items() if manifest}
        self._snapshot = self._looked()
        version = self._snapshot.version if self._snapshot else None
        self._key_parts = parts_of_key(stage, request, place, self._manifests, version)
        self._key = record.fields["key"] = artifact_key(stage.name, **self._key_parts)
        self.checkpoints = StoredCheckpoints(store, stage.name, self._key)

    def _looked(self) -> Any:
        """What the stage sees outside, if it looks at anything that may change."""
        if not self._stage.look or not self._place.dataset:
            return None
        shelf = snapshots.Shelf(self._store, self._place.dataset)
        return self._stage.look(self._settings, shelf, self._record.progress)

    def note_version(self) -> None:
        """Note that this run's data are of the version that the look found."""
        if self._snapshot and self._place.dataset:
            snapshots.note(self._store, self._place.dataset, self._snapshot.version, self._request.run, now())

    def reused(self) -> Manifest | None:
        """The artifact of an earlier run, if it is complete and every byte is right, or None."""
        manifest = find_whole(self._store, self._stage.name, self._key)
        if manifest is None:
            return None
        self._record.fields |= {"cached": True, "progress": REUSED}
        log.info("%s: %s of %s is artifact %s", REUSED, self._stage.name, self._place, self._key)
        if self._stage.revisit:
            seen, is_warning = self._stage.revisit(self._settings, manifest.summary, manifest.made["at"])
            self._record.progress(f"{REUSED}; {WARNING if is_warning else ''}{seen}")
        return manifest

    def made(self, numerics: Numerics, *, expects_gpu: bool) -> Manifest:
        """Do the work in a temporary folder, and commit the files that it made."""
        self._record.spent_on_setup(self._imported())
        if expects_gpu and not self._stage.gpus():
            raise RequestError(
                f"GPU_EXPECTED: expected a GPU for what was given one, but {self._request.backend} sees none; start a "
                'profile with backend = "jax", with the image trainer:gpu or the extra `gpu`, or give it no GPU'
            )
        with tempfile.TemporaryDirectory(prefix=f"{self._stage.name}-") as scratch:
            output = Path(scratch, "output")
            output.mkdir()
            folders = self._materialized(Path(scratch))
            progress = self._record.progress
            work = Work(self._settings, folders, output, progress, self.checkpoints, self._snapshot, numerics.kept)
            summary = self._done(work)
            circumstances = {
                "run": self._request.run,
                "request": digest_of(self._request.model_dump(mode="json")),
                "place": str(self._place),
                "parents": {name: f"{manifest.stage}/{manifest.key}" for name, manifest in self._manifests.items()},
                "at": now(),
                "versions": versions(),
                "lock": lock_digest(),
                "machine": machine(),
                "variables": numerics.described(),
            }
            return commit(self._store, self._stage.name, self._key, output, self._key_parts | circumstances, summary)

    def _imported(self) -> float:
        """Import what the stage computes with, and return the seconds that it took."""
        start = time.perf_counter()
        if self._stage.heavy:
            import_lean(self._stage.heavy, self._request.backend, self._stage.needs(self._settings))
        return time.perf_counter() - start

    def _done(self, work: Work) -> dict[str, Any]:
        """What the stage says of its work. How many GPUs it holds is known once it has computed."""
        self._record.fields["gpus"] = None
        try:
            return self._stage.run(work)
        except Exception as error:
            if reason := lack_of_memory(error):
                raise OutOfMemoryError(f"{self._stage.name}: {reason}") from error
            raise
        finally:
            self._record.fields["gpus"] = self._stage.gpus()

    def _materialized(self, scratch: Path) -> dict[str, Path]:
        """A folder for each input, with the files that the stage asked for, verified."""
        folders = {name: scratch / "inputs" / name for name in self._manifests}
        for name, folder in folders.items():
            folder.mkdir(parents=True)
            self._materialize(self._manifests[name], self._inputs[name].files, folder)
        return folders

    def _materialize(self, manifest: Manifest, files: tuple[str, ...], folder: Path) -> None:
        """Put the files of an artifact into `folder`; a snapshot comes with all of its own."""
        if snapshots.SNAPSHOT not in manifest.files:
            materialize(self._store, manifest, files, folder)
            return
        materialize(self._store, manifest, manifest.files, folder)
        snapshot = snapshots.Snapshot.model_validate_json((folder / snapshots.SNAPSHOT).read_bytes())
        snapshots.materialize(self._store, snapshot, folder, self._record.progress)


def parts_of_key(
    stage: Stage, request: Request, place: Place, inputs: Mapping[str, Manifest], version: str | None = None
) -> dict[str, Any]:
    """Everything that the key of a stage depends on; `version` is that of the snapshot that its look made.

    A run that forces the stage is part of it; only its retries reuse it.
    """
    modules = (f"tasks.stages.{stage.name}", *stage.modules(request, place))
    others = {"version": version, "forced_by": request.run if stage.name in request.force else None}
    return {
        "settings": stage.settings(request, place).model_dump(mode="json") | {k: v for k, v in others.items() if v},
        "inputs": {name: manifest.digest for name, manifest in inputs.items()},
        "code": code_digest(modules),
        "libraries": computing_libraries(modules, request.backend),
    }
