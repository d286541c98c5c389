"""Snapshots in runs: the version in the key, the files that a stage gets, and what an earlier version brought."""

import json

import pytest

from tasks.data.given import given, version
from tasks.errors import BlockedError
from tasks.runs.execution import execute
from tasks.runs.records import read_record
from tasks.runs.stage import Input, Stage
from tasks.settings.dataset import Dataset
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.settings.values import Frozen
from tasks.stages import fetch
from tasks.storage.documents import DamagedError
from tasks.storage.snapshots import fetched
from tests.support.tiny_data import make_configuration, make_mirror

PLACE = Place("flowers")
LIVING = {"name": "flowers", "title": "Flowers", "reader": "idx", "image_size": (8, 8), "budget": 5_000}


class Nothing(Frozen):
    pass


@pytest.fixture
def flowers(tmp_path):
    folder = tmp_path / "flowers"
    for name in ("rose/1.jpg", "rose/2.jpg", "tulip/3.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def request_of(tmp_path, flowers):
    """The request of a run over a pinned and a living dataset."""
    config = load_configuration(make_configuration(tmp_path / "config"))
    living = Dataset.model_validate(LIVING | {"location": str(flowers)})
    config = config.model_copy(update={"datasets": config.datasets | {"flowers": living}})
    mirror = str(make_mirror(tmp_path / "mirror"))
    return lambda run, **params: resolve(config, Parameters(profile="smoke", **params), run, own_mirror=mirror)


def reader(seen, version_="present", source="fetch"):
    """A stage that notes what it gets of an input."""

    def run(work):
        folder = work.inputs.get("raw")
        seen.append({each.name: each.path.read_bytes() for each in given(folder)} if folder else None)
        (work.output / "a.txt").write_text(json.dumps(str(seen[-1])))
        return {}

    inputs = lambda request, place: {"raw": Input(source, place, ("a.txt",), version_)}  # noqa: E731
    return Stage("normalize", lambda request, place: Nothing(), inputs, run)


def test_the_artifact_of_a_living_source_is_its_snapshot(store, request_of):
    """One file, `snapshot.json`; the summary says the version, and how many files were listed and read."""
    manifest = execute(fetch.STAGE, request_of("r1"), PLACE, store)
    assert list(manifest.files) == ["snapshot.json"]
    assert manifest.summary == {"version": fetched(store, "flowers")[0].version, "files": 3, "listed": 1, "read": 3}
    assert manifest.made["settings"] == {"digests": {}, "version": manifest.summary["version"]}


def test_data_that_are_as_they_were_are_fetched_once(store, request_of, flowers):
    """The version is in the key: the same files are the same artifact, and the old one comes back with them."""
    keys = [execute(fetch.STAGE, request_of("r1"), PLACE, store).key]
    keys.append(execute(fetch.STAGE, request_of("r2"), PLACE, store).key)
    assert read_record(store, "r2", PLACE, "fetch")["cached"]
    (flowers / "rose/4.jpg").write_bytes(b"new")
    keys.append(execute(fetch.STAGE, request_of("r3"), PLACE, store).key)
    assert "version " in read_record(store, "r3", PLACE, "fetch")["progress"]
    (flowers / "rose/4.jpg").unlink()
    keys.append(execute(fetch.STAGE, request_of("r4"), PLACE, store).key)
    assert keys[0] == keys[1] == keys[3] != keys[2]
    assert [entry.number for entry in fetched(store, "flowers")] == [1, 2, 3, 4]


def test_a_retry_notes_its_version_once(store, request_of):
    """A second attempt of the same run is no second moment of the data."""
    for _ in range(2):
        execute(fetch.STAGE, request_of("r1"), PLACE, store)
    assert len(fetched(store, "flowers")) == 1


def test_a_stage_gets_the_files_of_a_snapshot(store, request_of):
    """Each under its name at the source, with the bytes that it had, in the folder of the input."""
    seen, request = [], request_of("r1")
    execute(fetch.STAGE, request, PLACE, store)
    execute(reader(seen), request, PLACE, store)
    assert seen == [{name: name.encode() for name in ("rose/1.jpg", "rose/2.jpg", "tulip/3.jpg")}]


def test_pinned_files_are_given_under_their_own_names(store, request_of, tmp_path):
    """A stage need not know which kind of source its dataset has; pinned files have no version."""
    request, place = request_of("r1"), Place("cifar10")
    manifest = execute(fetch.STAGE, request, place, store)
    assert (manifest.summary["files"], fetched(store, "cifar10")) == (["data_batch_1.bin", "test_batch.bin"], [])
    assert set(manifest.made["settings"]) == {"digests"}
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "b.bin").write_bytes(b"")
    assert ([each.name for each in given(tmp_path / "x")], version(tmp_path / "x")) == (["b.bin"], None)


def test_damaged_files_are_found_and_the_next_run_heals_them(store, request_of):
    """A flipped byte and a lost file end the reader with what to do; the next fetch reads just these again."""
    seen = []
    execute(fetch.STAGE, request_of("r1"), PLACE, store)
    first, second, _ = store.list("files/")
    store.write(first, b"rosE/1.jpg"[: len(store.read(first))])
    store.delete(second)
    with pytest.raises(DamagedError, match=r"found none or others, and 1 more such files; run the workflow again"):
        execute(reader(seen), request_of("r1"), PLACE, store)
    execute(fetch.STAGE, request_of("r2"), PLACE, store)
    execute(reader(seen), request_of("r2"), PLACE, store)
    assert list(seen[0]) == ["rose/1.jpg", "rose/2.jpg", "tulip/3.jpg"]


def versioned(store, request_of, run, *stages):
    """One run that fetches and does these stages."""
    request = request_of(run)
    for stage in (fetch.STAGE, *stages):
        execute(stage, request, PLACE, store)


def normalize(mark):
    def run(work):
        (work.output / "a.txt").write_text(mark)
        return {}

    inputs = lambda request, place: {"raw": Input("fetch", place, ())}  # noqa: E731
    return Stage("normalize", lambda request, place: Nothing(), inputs, run)


def test_the_version_before_is_what_the_last_run_on_it_made(store, request_of, flowers):
    """Runs on the present version do not count, nor does a run that did not come so far."""
    read_previous = lambda run: _previous_of(store, request_of, run)  # noqa: E731
    versioned(store, request_of, "r1", normalize("of version 1"))
    assert read_previous("r1") is None
    (flowers / "rose/4.jpg").write_bytes(b"new")
    versioned(store, request_of, "r2")  # its normalize failed, say
    assert read_previous("r2") == "of version 1"
    (flowers / "rose/5.jpg").write_bytes(b"newer")
    for run in ("r3", "r4"):
        versioned(store, request_of, run, normalize("of version 3"))
        assert read_previous(run) == "of version 1"
    (flowers / "rose/6.jpg").write_bytes(b"newest")
    versioned(store, request_of, "r5", normalize("of version 4"))
    assert read_previous("r5") == "of version 3"
    assert read_previous("r4") == "reused"  # an older run goes on, and looks back from where it stands


def _previous_of(store, request_of, run, files=("a.txt",)):
    """The text that a stage gets as the previous result of `normalize`; None where there is none."""
    got = []

    def work_of(work):
        got.append((work.inputs["before"] / "a.txt").read_text() if "before" in work.inputs else None)
        return {}

    inputs = lambda request, place: {"before": Input("normalize", place.at("dataset"), files, "previous")}  # noqa: E731
    stage = Stage("choose", lambda request, place: Nothing(), inputs, work_of)
    execute(stage, request_of(run, force=["choose"]), Place("flowers", "cnn"), store)
    return got[0] if got else "reused"


def test_a_result_without_the_file_is_passed_over(store, request_of, flowers):
    """As one that an earlier release made, which did not write it yet."""
    versioned(store, request_of, "r1", normalize("of version 1"))
    (flowers / "rose/4.jpg").write_bytes(b"new")
    versioned(store, request_of, "r2", normalize("of version 2"))
    assert _previous_of(store, request_of, "r2", files=("a.txt", "b.txt")) is None


def test_pinned_files_have_no_version_before(store, request_of):
    """The input is left out, without an error, and without a difference in the key."""
    request, place = request_of("r1"), Place("cifar10")
    execute(fetch.STAGE, request, place, store)
    stage = Stage("normalize", lambda r, p: Nothing(), lambda r, p: {"b": Input("fetch", p, (), "previous")},
                  lambda work: {"inputs": list(work.inputs)})  # fmt: skip
    assert execute(stage, request, place, store).summary == {"inputs": []}


def test_the_version_before_needs_the_present_one(store, request_of):
    """A stage that comes before its fetch is blocked, as with any input."""
    with pytest.raises(BlockedError, match="expected fetch to be done"):
        _previous_of(store, request_of, "r1")
