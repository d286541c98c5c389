"""Snapshots in both kinds of stores: files kept once, given out verified, and healed."""

import hashlib
import threading

import pytest

from tasks.storage import snapshots
from tasks.storage.documents import DamagedError
from tasks.storage.snapshots import Look, Shelf, Snapshot, StoredFile, Taken, fetched, materialize, note, run_of


@pytest.fixture
def stored(stores, tmp_path):
    """A snapshot of forty files, one of them large, two of one content."""
    shelf, files = Shelf(stores, "flowers"), []
    for number in range(40):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % min(number, 38) if number else bytes(snapshots.SMALL + 1))
        files.append(shelf.put(f"{number:02d}.jpg", path))
    return Snapshot(files=tuple(files))


def refused(store, snapshot, folder):
    folder.mkdir(exist_ok=True)
    with pytest.raises(DamagedError) as caught:
        materialize(store, snapshot, folder, lambda line: None)
    return str(caught.value)


def test_every_file_comes_under_its_digest(stores, stored, tmp_path):
    """Each content once, with the bytes that its name promises."""
    folder = tmp_path / "out"
    folder.mkdir()
    materialize(stores, stored, folder, lambda line: None)
    assert {path.name for path in folder.iterdir()} == {file.sha256 for file in stored.files}
    assert len(list(folder.iterdir())) == 39
    for path in folder.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_what_is_damaged_is_deleted_so_that_it_can_be_brought_again(stores, stored, tmp_path):
    """All of it in one pass: a lost file, one of other bytes, a cut large one; the right ones stay."""
    large, other, lost = (f"files/{stored.files[number].sha256}" for number in (0, 1, 2))
    stores.write(large, b"cut")
    stores.write(other, b"x")
    stores.delete(lost)
    said = refused(stores, stored, tmp_path / "out")
    assert "expected the bytes of '0" in said
    assert "and 2 more such files; run the workflow again" in said
    assert len(list(stores.list("files/"))) == 36
    shelf = Shelf(stores, "flowers")
    assert [shelf.has(file) for file in stored.files[:4]] == [False, False, False, True]


def test_a_file_is_put_once(stores, tmp_path, monkeypatch):
    """What the store has is not written again, and one listing tells of all files."""
    path, writes, listings = tmp_path / "x", [], []
    path.write_bytes(b"x")
    write, entries = stores.write, stores.entries
    monkeypatch.setattr(stores, "write", lambda key, data: writes.append(key) or write(key, data))
    monkeypatch.setattr(stores, "entries", lambda prefix: listings.append(prefix) or entries(prefix))
    for _ in range(2):
        shelf = Shelf(stores, "flowers")
        assert shelf.put("a", path).sha256 == shelf.put("b", path).sha256
    assert (len(writes), listings) == (1, ["files/", "files/"])


def test_threads_ask_for_one_listing(stores, tmp_path, monkeypatch):
    """However many put their files at once."""
    listings, entries = [], stores.entries
    monkeypatch.setattr(stores, "entries", lambda prefix: listings.append(prefix) or entries(prefix))
    shelf = Shelf(stores, "flowers")
    for number in range(8):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
    threads = [threading.Thread(target=shelf.put, args=("x", tmp_path / str(number))) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listings == ["files/"]
    assert len(list(stores.list("files/"))) == 8


def test_a_look_is_read_as_it_was_kept(stores):
    """Any name, of any characters."""
    file = StoredFile(name="a/ü \n\u202e<b>.jpg", sha256="0" * 64, size=1)
    look = Look(location="s3://b/c", entries=(Taken(name="x", size=1, mark='"e"', files=(file,)),))
    shelf = Shelf(stores, "flowers")
    assert shelf.last() is None
    shelf.keep(look)
    assert shelf.last() == look


def test_versions_are_in_the_order_of_their_runs(stores):
    """The highest is the present one, also after the tenth, and when an old version comes back."""
    versions = [f"{number % 3:040x}" for number in range(12)]
    for number, version in enumerate(versions):
        note(stores, "flowers", version, f"r{number}", "now")
        note(stores, "flowers", version, f"r{number}", "later")  # a retry
    note(stores, "flowers2", "f" * 40, "r0", "now")
    entries = fetched(stores, "flowers")
    assert [entry.version for entry in entries] == versions
    assert [run_of(stores, entry) for entry in entries] == [f"r{number}" for number in range(12)]
    assert Shelf(stores, "flowers").present_version() == versions[-1]
