"""Garbage: what goes, what stays, and that nothing which anybody can still need goes."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tasks.project import PROJECT
from tasks.runs.garbage import find_garbage
from tasks.runs.records import recorded
from tasks.settings.place import Place
from tasks.storage.artifacts import commit, find_whole
from tasks.storage.contract import MIB
from tasks.storage.location import open_store
from tasks.storage.snapshots import SNAPSHOT, Shelf, Snapshot, note
from tests.support.patience import PATIENCE
from tests.support.stage_commands import in_a_process
from tests.support.unfinished import begin_write

NOW, WEEK = timedelta(0), timedelta(days=7)


def artifact(store, tmp_path, key, body=b"x", run=None):
    """Commit one artifact; with `run`, its record names it. Its manifest."""
    folder = tmp_path / f"{key}-{body.decode()}"
    folder.mkdir()
    (folder / "a.bin").write_bytes(body)
    if not run:
        return commit(store, "train", key, folder, {}, {})
    with recorded(store, run, Place("cifar10", "cnn", 0), "train") as record:
        record.fields["key"] = key
        return commit(store, "train", key, folder, {}, {})


def age(store, key, days):
    """Make what a folder store holds under `key` older."""
    path = Path(unquote(urlsplit(store.uri).path), key)
    os.utime(path, times=(path.stat().st_atime, path.stat().st_mtime - days * 86_400))


def swept(store, age=NOW, **options):
    """Sweep; the reason for each name that went."""
    found = list(find_garbage(store, age, **options))
    for garbage in found:
        garbage.discard()
    return {garbage.name: garbage.reason for garbage in found}


def test_only_what_nobody_needs_goes(stores, tmp_path):
    """Files without a manifest, checkpoints and unfinished writes go; artifacts, runs and reports are untouched."""
    whole = artifact(stores, tmp_path, "k1", run="r1")
    loser = artifact(stores, tmp_path, "k1", b"of the writer that lost")
    assert loser == whole
    kept, left = "reports/r1/report.json", ("checkpoints/train/k1/000001-a", "probe/0123")
    for key in ("artifacts/train/k2/0123/b.bin", *left, kept):
        stores.write(key, b"12")
    begin_write(stores, b"x" * 5 * 1024**2)
    before = set(stores.list(""))
    gone = swept(stores)
    half = gone.keys() - before
    assert len(half) == 1
    assert {gone[name] for name in half} == {"unfinished write"}
    assert [gone[name] for name in left] == ["old checkpoint", "probe that was killed"]
    losers = {name for name, reason in gone.items() if reason == "file that no manifest names"}
    assert "artifacts/train/k2/0123/b.bin" in losers
    assert len(losers) == 2
    assert set(stores.list("")) == before - gone.keys()
    assert find_whole(stores, "train", "k1") == whole
    assert kept in before - gone.keys()
    assert list(stores.unfinished()) == []
    assert swept(stores) == {}


def test_what_is_young_stays(stores, tmp_path):
    """A writer between its files and its manifest, a checkpoint in use, an upload under way: none is touched."""
    stores.write("artifacts/train/k2/0123/b.bin", b"12")
    stores.write("checkpoints/train/k1/000001-a", b"12")
    begin_write(stores, b"x" * 5 * 1024**2)
    artifact(stores, tmp_path, "k1")
    assert swept(stores, WEEK, unused=True) == {}


def test_what_a_killed_writer_left_goes_when_it_is_old(tmp_path, sweep):
    """A process that gets SIGKILL in the middle of an upload leaves a file under no key; a week later it is swept."""
    store, source = open_store((tmp_path / "store").as_uri()), tmp_path / "source"
    os.mkfifo(source)
    program = "import sys; from pathlib import Path; from tasks.storage.location import open_store\n"
    program += "open_store(sys.argv[1]).upload('artifacts/train/k1/0123/b.bin', Path(sys.argv[2]))"
    line = [sys.executable, "-c", program, store.uri, str(source)]
    with subprocess.Popen(line, cwd=PROJECT) as writer, source.open("wb") as feed:
        feed.write(bytes(MIB))
        feed.flush()
        end = time.monotonic() + PATIENCE
        while sum(write.size for write in store.unfinished()) < MIB and time.monotonic() < end:
            time.sleep(0.02)
        writer.kill()
    (left,) = store.unfinished()
    assert list(store.list("")) == []
    assert sweep() == (0, "removed 0 objects, 0 B\n")
    age(store, left.key, 8)
    assert sweep() == (0, f"    1,048,576 B  unfinished write: {left.key}\nremoved 1 objects, 1,048,576 B\n")
    assert list(store.unfinished()) == []
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_the_age_is_that_of_each_file_and_of_a_checkpoints_newest(tmp_path):
    """Eight days are old and six are not; a training that saved today keeps its older checkpoint too."""
    store = open_store((tmp_path / "store").as_uri())
    for days in (6, 8):
        store.write(f"artifacts/train/k{days}/0123/b.bin", b"12")
        age(store, f"artifacts/train/k{days}/0123/b.bin", days)
        store.write(f"checkpoints/train/k{days}/000001-a", b"12")
        age(store, f"checkpoints/train/k{days}/000001-a", days)
    store.write("checkpoints/train/k0/000001-a", b"12")
    age(store, "checkpoints/train/k0/000001-a", 8)
    store.write("checkpoints/train/k0/000002-b", b"12")
    assert swept(store, WEEK).keys() == {"artifacts/train/k8/0123/b.bin", "checkpoints/train/k8/000001-a"}


def test_a_writer_that_comes_back_is_not_robbed(tmp_path):
    """An old file that is written anew after it was listed stays: its writer is about to name it in a manifest."""
    store = open_store((tmp_path / "store").as_uri())
    orphan = artifact(store, tmp_path, "k1")
    store.delete("artifacts/train/k1/manifest.json")
    age(store, orphan.files["a.bin"].object, 8)
    (garbage,) = find_garbage(store, WEEK)
    commit(store, "train", "k1", tmp_path / "k1-x", {}, {})
    garbage.discard()
    assert find_whole(store, "train", "k1") == orphan


def test_what_champions_name_stays(stores, tmp_path):
    """With `unused`, the artifacts of entries, of decisions and of candidates stay, though no run names them."""
    kept = [artifact(stores, tmp_path, key) for key in ("model", "export", "candidate", "again")]
    artifact(stores, tmp_path, "other")
    stores.write("champions/d/0001.json", b'{"model": {"artifacts": {"train/seed-0": "model"}}, "export": "export"}')
    asked = b'{"candidate": {"artifacts": {"evaluate": "candidate"}}, "predictions": {"champion": "again"}, "other": 1}'
    stores.write("champions/d/decisions/r1.json", asked)
    gone = swept(stores, unused=True)
    assert {name.split("/")[2] for name in gone} == {"other"}
    assert all(find_whole(stores, "train", each.key) == each for each in kept)


def test_a_damaged_document_of_a_champion_keeps_every_artifact(store, tmp_path, caplog):
    """It may have named any of them; the log says which it is."""
    artifact(store, tmp_path, "other")
    store.write("champions/d/0001.json", b"{")
    assert swept(store, unused=True) == {}
    assert "champions/d/0001.json: expected a document of a champion" in caplog.text


def test_unused_artifacts_go_when_asked(stores, tmp_path):
    """An artifact that no run names goes with `unused`, manifest first; one that any attempt of any run names stays."""
    artifact(stores, tmp_path, "k1", b"named", run="r1")
    artifact(stores, tmp_path, "k2", b"named by a second attempt", run="r1")
    artifact(stores, tmp_path, "k3", b"unnamed")
    assert swept(stores) == {}
    gone = list(swept(stores, unused=True))
    assert gone[0] == "artifacts/train/k3/manifest.json"
    assert len(gone) == 2
    assert find_whole(stores, "train", "k1")
    assert find_whole(stores, "train", "k2")
    assert not any("k3" in key for key in stores.list(""))


def test_files_of_a_damaged_manifest_stay(tmp_path):
    """What a manifest names that cannot be read is unknown, so nothing of it goes, asked for or not."""
    store = open_store((tmp_path / "store").as_uri())
    artifact(store, tmp_path, "k1")
    store.write("artifacts/train/k1/manifest.json", b"{}")
    assert swept(store, unused=True) == {}


def snapshot(store, tmp_path, key, *bodies, run=None):
    """Commit the artifact of a living source with these files."""
    folder, shelf = tmp_path / key, Shelf(store, "flowers")
    folder.mkdir()
    for number, body in enumerate(bodies):
        (tmp_path / f"{key}-{number}").write_bytes(body)
    files = tuple(shelf.put(f"{number}.jpg", tmp_path / f"{key}-{number}") for number in range(len(bodies)))
    (folder / SNAPSHOT).write_text(Snapshot(files=files).model_dump_json())
    with recorded(store, run or "r1", Place("flowers"), "fetch") as record:
        record.fields["key"] = key if run else None
        return commit(store, "fetch", key, folder, {}, {})


def bodies(store):
    return {store.read(key) for key in store.list("files/")}


def test_files_that_no_snapshot_names_go(stores, tmp_path):
    """What a killed fetch stored goes when it is old; what any snapshot names stays, whichever run made it."""
    snapshot(stores, tmp_path, "k1", b"old", b"both", run="r1")
    snapshot(stores, tmp_path, "k2", b"both", b"new", run="r2")
    (tmp_path / "x").write_bytes(b"of a killed fetch")
    left = Shelf(stores, "flowers").put("x.jpg", tmp_path / "x")
    note(stores, "flowers", "0" * 40, "r1", "now")
    stores.write("snapshots/flowers.json", b"{}")
    assert swept(stores, WEEK) == {}
    assert swept(stores) == {f"files/{left.sha256}": "file that no snapshot names"}
    assert bodies(stores) == {b"old", b"both", b"new"}
    assert [*stores.list("snapshots/"), *stores.list("versions/")]


def test_files_go_with_the_last_artifact_that_names_them(stores, tmp_path):
    """With `unused`, a snapshot that no run names goes, and the files that only it named."""
    snapshot(stores, tmp_path, "k1", b"old", b"both")
    snapshot(stores, tmp_path, "k2", b"both", b"new", run="r2")
    assert swept(stores) == {}
    assert list(swept(stores, unused=True).values()).count("file that no snapshot names") == 1
    assert bodies(stores) == {b"both", b"new"}


def test_files_stay_while_a_snapshot_cannot_be_read(tmp_path):
    """It may name any of them."""
    store = open_store((tmp_path / "store").as_uri())
    manifest = snapshot(store, tmp_path, "k1", b"one", run="r1")
    store.write(manifest.files[SNAPSHOT].object, b"{}")
    (tmp_path / "x").write_bytes(b"two")
    Shelf(store, "flowers").put("x.jpg", tmp_path / "x")
    assert swept(store) == {}


@pytest.fixture
def sweep(tmp_path):
    """Type `python -m tasks sweep ...`; exit code and output."""

    def type_it(*arguments):
        return in_a_process({"STORE": (tmp_path / "store").as_uri()}, "sweep", *arguments)

    return type_it


def test_the_command_acts_and_a_dry_run_only_says(tmp_path, sweep):
    """`--dry-run` lists names, sizes and the sum; the plain command takes them away; the age is a choice."""
    store = open_store((tmp_path / "store").as_uri())
    store.write("checkpoints/train/k1/000001-a", b"x" * 1234)
    assert sweep() == (0, "removed 0 objects, 0 B\n")
    expected = "        1,234 B  old checkpoint: checkpoints/train/k1/000001-a\n{} 1 objects, 1,234 B\n"
    assert sweep("--dry-run", "--age", "0") == (0, expected.format("would remove"))
    assert store.exists("checkpoints/train/k1/000001-a")
    assert sweep("--age", "0") == (0, expected.format("removed"))
    assert not store.exists("checkpoints/train/k1/000001-a")
    code, output = sweep("--age", "-1")
    assert code != 0
    assert "argument --age: invalid" in output
