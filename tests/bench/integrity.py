"""What integrity costs, of one run in a store: `STORE=... python -m tests.bench.integrity RUN`.

Nothing is trained: the files that each stage of the run read and wrote are brought and digested again, and the time for
that is set beside the seconds that the stages recorded.
"""

import functools
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tasks.report.verification import verify_run
from tasks.runs.meter import Taken
from tasks.runs.records import input_manifest, read_records
from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.settings.request import Request, slug
from tasks.storage.artifacts import file_digest, find, verify
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.clock import timed, total
from tests.bench.surroundings import noted


class Volume(NamedTuple):
    """What was digested: its bytes, and what the digests alone took."""

    size: int
    taken: Taken


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
        return Volume(sum(file.size for file in files), timed(lambda: [file_digest(path) for path in paths])[1])


def measure(store: Store, run: str) -> str:
    """The cost as a Markdown table; shares are of the stages' own recorded seconds."""
    request = read_request(store, run)
    records = [record for record in read_records(store, run) if record["key"]]
    if any(record["cached"] for record in records):
        sys.exit(f"run {run}: expected one that worked, found one that reused; name a run with nothing cached")
    work, used = (total(record[name] for record in records) for name in ("seconds", "cpu_seconds"))
    volumes = [digested(store, request, record) for record in records]
    size = sum(volume.size for volume in volumes)
    digests = functools.reduce(Taken.plus, (volume.taken for volume in volumes))
    manifests = [find(store, record["stage"], record["key"]) for record in records]
    _, reuse = timed(lambda: [verify(store, manifest) for manifest in manifests])
    _, whole = timed(lambda: verify_run(store, run))
    rows = {
        "stage work of the run": f"{work:.1f} s",
        "CPU time of its stages, with their start": "not known" if used is None else f"{used:.1f} s",
        "bytes digested while it worked": f"{size / 1e6:.0f} MB",
        "for their digests": _cost(digests, work),
        "verification of every artifact, as a run that reuses all does": _cost(reuse, work),
        "`python -m tasks verify RUN`": _cost(whole, work),
    }
    return "\n".join(["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _cost(taken: Taken, work: float) -> str:
    return f"{taken.seconds:.2f} s, {taken.cpu_seconds:.2f} CPU s, {taken.seconds / work:.2%} of the work"


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.environ.get("STORE"):
        sys.exit("expected STORE in the environment and the name of a run; see --help of python -m tasks")
    with noted():
        print(measure(open_store(os.environ["STORE"]), slug(sys.argv[1])))
