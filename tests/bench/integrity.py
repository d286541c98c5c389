"""What integrity costs, of one run in a store: `STORE=... python -m tests.bench.integrity RUN`.

Nothing is trained: the files that each stage of the run read and wrote are brought and digested again, and the time for
that is set beside the seconds that the stages recorded.
"""

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tasks.report.verification import verify_run
from tasks.runs.records import input_manifest, read_records
from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.settings.request import Request, slug
from tasks.storage.artifacts import file_digest, find, verify
from tasks.storage.contract import Store
from tasks.storage.location import open_store


class Volume(NamedTuple):
    """What was digested: its bytes, and the seconds for the digests alone."""

    size: int
    seconds: float


def digested(store: Store, request: Request, record: dict) -> Volume:
    """The digests that one stage takes when it works: of the inputs that it asks for, and of its own files."""
    stage = importlib.import_module(f"tasks.stages.{record['stage']}").STAGE
    place = Place(record["dataset"], record["family"], record["seed"], record["shard"], budget=record["budget"])
    made = find(store, stage.name, record["key"])
    files = list(made.files.values())
    for source in stage.inputs(request, place).values():
        manifest = input_manifest(store, request.run, source)
        files += [manifest.files[name] for name in source.files]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(len(files))]
        for file, path in zip(files, paths, strict=True):
            store.download(file.object, path)
        return Volume(sum(file.size for file in files), seconds_of(lambda: [file_digest(path) for path in paths]))


def seconds_of(action: Callable[[], object]) -> float:
    """The wall time of `action`."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure(store: Store, run: str) -> str:
    """The cost as a Markdown table; shares are of the stages' own recorded seconds."""
    request = read_request(store, run)
    records = [record for record in read_records(store, run) if record["key"]]
    if any(record["cached"] for record in records):
        sys.exit(f"run {run}: expected one that worked, found one that reused; name a run with nothing cached")
    work = sum(record["seconds"] for record in records)
    volumes = [digested(store, request, record) for record in records]
    size, digests = sum(volume.size for volume in volumes), sum(volume.seconds for volume in volumes)
    manifests = [find(store, record["stage"], record["key"]) for record in records]
    reuse = seconds_of(lambda: [verify(store, manifest) for manifest in manifests])
    whole = seconds_of(lambda: verify_run(store, run))
    rows = {
        "stage work of the run": f"{work:.1f} s",
        "bytes digested while it worked": f"{size / 1e6:.0f} MB",
        "for their digests": f"{digests:.2f} s, {digests / work:.2%} of the work",
        "verification of every artifact, as a run that reuses all does": f"{reuse:.2f} s, {reuse / work:.2%}",
        "`python -m tasks verify RUN`": f"{whole:.2f} s, {whole / work:.2%}",
    }
    return "\n".join(["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.environ.get("STORE"):
        sys.exit("expected STORE in the environment and the name of a run; see --help of python -m tasks")
    print(measure(open_store(os.environ["STORE"]), slug(sys.argv[1])))
