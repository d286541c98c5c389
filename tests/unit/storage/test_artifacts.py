import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.project import PROJECT
from tasks.storage.artifacts import (
    artifact_key,
    commit,
    digest_of,
    find,
    find_whole,
    materialize,
)
from tasks.storage.contract import StoreError
from tasks.storage.documents import DamagedError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a" * 1000)
    (folder / "b.json").write_bytes(b"{}")
    return folder


def test_what_was_committed_is_found_whole_and_comes_back_equal(store, folder, tmp_path):
    """The manifest names every file with digest and size, and the files come back byte for byte."""
    made = commit(store, "train", "k1", folder, {"settings": {}}, {"n": 1})
    found = find(store, "train", "k1")
    assert found == made
    assert find_whole(store, "train", "k1") == made
    materialize(store, found, ["a.bin"], tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == b"a" * 1000


def test_any_change_of_what_goes_in_changes_the_key():
    """Stage, settings, inputs, code and libraries each move the key; the order of fields does not."""
    base = {
        "stage": "train",
        "settings": {"a": 1, "b": 2},
        "inputs": {"data": "d"},
        "code": "c",
        "libraries": {"numpy": "2.4"},
    }
    others = [
        {"stage": "search"},
        {"settings": {"a": 2, "b": 2}},
        {"inputs": {"data": "e"}},
        {"code": "x"},
        {"libraries": {"numpy": "2.5"}},
        {"libraries": {}},
    ]
    keys = {artifact_key(**(base | change)) for change in [{}, *others]}
    assert len(keys) == 7
    assert artifact_key(**base) == artifact_key(**(base | {"settings": {"b": 2, "a": 1}}))
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_of({"x": float("nan")})


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_file_is_never_taken_for_a_result(store, folder, tmp_path, harm):
    """A flipped byte, a cut file and a missing file each make the artifact incomplete, and reading it an error."""
    manifest = commit(store, "train", "k1", folder, {}, {})
    path = tmp_path / "store" / manifest.files["a.bin"].object
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(b"b" + path.read_bytes()[1:] if harm == "flip" else path.read_bytes()[:-1])
    assert find_whole(store, "train", "k1") is None
    with pytest.raises(DamagedError, match=r"(expected SHA-256|found nothing).*; run the workflow again"):
        materialize(store, manifest, ["a.bin"], tmp_path)
    repaired = commit(store, "train", "k1", folder, {}, {})
    assert find_whole(store, "train", "k1") == repaired


def test_any_flipped_bit_of_a_manifest_is_known_and_mended(store, folder, tmp_path):
    """A manifest that is not what was sealed is never read as one, wherever it was hit; the next commit mends it."""
    commit(store, "train", "k1", folder, {"settings": {"epochs": 4}}, {"score": 0.5, "lost": float("nan")})
    path = tmp_path / "store" / "artifacts" / "train" / "k1" / "manifest.json"
    whole = path.read_bytes()
    assert find(store, "train", "k1") is not None
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedError, match=r"manifest\.json: expected"):
            find(store, "train", "k1")
        assert find_whole(store, "train", "k1") is None
    commit(store, "train", "k1", folder, {}, {})
    assert find_whole(store, "train", "k1") is not None


def swapped(store, first, second):
    """Exchange two manifests."""
    places = [f"artifacts/{place}/manifest.json" for place in (first, second)]
    bodies = [store.read(place) for place in places]
    for place, body in zip(places, reversed(bodies), strict=True):
        store.write(place, body)


@pytest.mark.parametrize("other", ["train/k2", "search/k1"])
def test_a_manifest_of_another_artifact_is_damage(store, folder, other):
    """A whole, sealed manifest under another key, or of another stage, is never used; the next commit mends it."""
    commit(store, "train", "k1", folder, {}, {})
    (folder / "a.bin").write_bytes(b"b" * 1000)
    commit(store, *other.split("/"), folder, {}, {})
    swapped(store, "train/k1", other)
    with pytest.raises(DamagedError, match=f"expected the manifest of train/k1, received that of {other}"):
        find(store, "train", "k1")
    assert find_whole(store, "train", "k1") is None
    (folder / "a.bin").write_bytes(b"a" * 1000)
    assert commit(store, "train", "k1", folder, {}, {}) == find_whole(store, "train", "k1")


@pytest.mark.parametrize("place", ["artifacts/train/k2/0123/a.bin", "artifacts/train/k1/../../../secret", "runs/r1/x"])
def test_a_manifest_names_files_of_its_own_folder_only(store, folder, place):
    """Whatever somebody writes into a manifest, nothing outside of the artifact is read as one of its files."""
    manifest = commit(store, "train", "k1", folder, {}, {})
    files = manifest.files | {"a.bin": manifest.files["a.bin"].model_copy(update={"object": place})}
    forged = manifest.model_copy(update={"files": files}).sealed()
    store.write("artifacts/train/k1/manifest.json", forged.model_dump_json().encode())
    with pytest.raises(DamagedError, match=r"expected files below artifacts/train/k1/, received"):
        find(store, "train", "k1")


def test_an_outage_is_no_damage(store, folder, monkeypatch):
    """A store that fails while an artifact is verified is an error, and no reason to write over the artifact."""
    commit(store, "train", "k1", folder, {}, {"of": "the first"})

    def fail(*_):
        raise StoreError("no answer")

    with monkeypatch.context() as outage:
        outage.setattr(store, "download", fail)
        with pytest.raises(StoreError, match="no answer"):
            commit(store, "train", "k1", folder, {}, {"of": "the second"})
    assert find(store, "train", "k1").summary == {"of": "the first"}


def test_a_fault_on_the_way_is_no_damage(store, folder, tmp_path, monkeypatch):
    """Bytes that came wrong once are asked for again."""
    manifest = commit(store, "train", "k1", folder, {}, {})
    honest, calls = store.download, []

    def garble(key, path):
        honest(key, path)
        calls.append(key)
        if len(calls) == 1:
            path.write_bytes(b"garbled")

    monkeypatch.setattr(store, "download", garble)
    materialize(store, manifest, ["a.bin"], tmp_path)
    assert ((tmp_path / "a.bin").read_bytes(), len(calls)) == (b"a" * 1000, 2)


def test_two_writers_of_one_key_leave_one_whole_artifact(store, tmp_path):
    """Different bytes under one key, many writers at once: one manifest stands, whole, and all go on with it."""

    def write(number):
        folder = tmp_path / f"w{number}"
        folder.mkdir()
        (folder / "a.bin").write_bytes(bytes([number]) * 5000)
        return commit(store, "train", "k1", folder, {"by": number}, {})

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(write, range(8)))
    assert len({manifest.digest for manifest in made}) == 1
    assert find_whole(store, "train", "k1")


WRITER = """
import sys
from pathlib import Path
from tasks.storage.artifacts import commit
from tasks.storage.location import open_store
print("ready", flush=True)
commit(open_store(sys.argv[1]), "train", "k1", Path(sys.argv[2]), {}, {})
print("committed", flush=True)
"""


def test_a_writer_killed_at_any_instant_leaves_nothing_that_a_reader_takes_for_a_result(store, tmp_path):
    """SIGKILL at random instants: the artifact is absent or whole, and the next writer completes it."""
    folder = tmp_path / "output"
    folder.mkdir()
    for number in range(40):
        (folder / f"f{number}.bin").write_bytes(os.urandom(200_000))
    chance = random.Random(0)
    start = time.monotonic()
    commit(store, "train", "undisturbed", folder, {}, {})
    duration = time.monotonic() - start
    absent = 0
    for delay in [0.0, 0.0, *(chance.uniform(0, 1.5 * duration) for _ in range(10))]:
        command = [sys.executable, "-c", WRITER, store.uri, str(folder)]
        writer = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        manifest = find(store, "train", "k1")
        assert find_whole(store, "train", "k1") == manifest
        absent += manifest is None
        if manifest is not None:
            store.delete("artifacts/train/k1/manifest.json")
    assert absent, "no kill came before the manifest: the test shows nothing"
    assert commit(store, "train", "k1", folder, {}, {}) == find_whole(store, "train", "k1")
