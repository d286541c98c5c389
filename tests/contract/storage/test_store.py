"""The store's contract, kept by both back ends."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.storage.contract import ObjectMissing, Store, StoreError, TooLarge
from tasks.storage.folder import FileStore
from tasks.storage.location import open_store
from tests.support.unfinished import begin_write

MIB = 1024 * 1024
SHARED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_round_trip(stores: Store):
    """What was written is what is read, byte for byte, empty objects and control bytes included."""
    for data in (b"", bytes(range(256)), "größer ☃".encode()):
        assert stores.write("a/b-c_d.0/E", data)
        assert stores.read("a/b-c_d.0/E") == data
        assert stores.exists("a/b-c_d.0/E")


def test_overwrite(stores: Store):
    """A second write replaces the first."""
    stores.write("key", b"long first content")
    assert stores.write("key", b"second")
    assert stores.read("key") == b"second"


def test_missing_key(stores: Store, tmp_path: Path):
    """A key that is not there says so in one line that names it, also where a longer key exists."""
    stores.write("folder/key", b"")
    for key in ("nothing", "folder", "folder/key/more", "folder/ke"):
        with pytest.raises(ObjectMissing) as raised:
            stores.read(key)
        assert str(raised.value) == f"{stores.uri}/{key}: no such object"
        with pytest.raises(ObjectMissing):
            stores.download(key, tmp_path / "target")
        assert not stores.exists(key)
    assert not (tmp_path / "target").exists()


def test_delete(stores: Store):
    """A deleted key is gone, its neighbours stay, and deleting what is absent is fine."""
    stores.write("a/1", b"1")
    stores.write("a/2", b"2")
    for key in ("a/1", "a/1", "a", "never"):
        stores.delete(key)
    assert list(stores.list("")) == ["a/2"]


def test_listing(stores: Store):
    """Keys come sorted as text, chosen by a prefix that is text too, not a folder."""
    keys = ["a-b/1", "a.json", "a/10", "a/2", "a/b/c", "ab", "b"]
    for key in reversed(keys):
        stores.write(key, b"")
    assert list(stores.list("")) == keys
    assert list(stores.list("a")) == keys[:-1]
    assert list(stores.list("a/")) == ["a/10", "a/2", "a/b/c"]
    assert list(stores.list("a/b/c")) == ["a/b/c"]
    assert list(stores.list("c/")) == []


def test_entries(stores: Store):
    """A listing tells sizes, and ages by the store's own clock: what was there before is never the younger one."""
    stores.write("a/1", b"12345")
    stores.write("a/2", b"")
    (first, second) = stores.entries("a/")
    assert [(entry.key, entry.size) for entry in (first, second)] == [("a/1", 5), ("a/2", 0)]
    assert first.modified <= second.modified
    assert abs(datetime.now(UTC) - first.modified) < timedelta(minutes=1)
    assert list(stores.entries("a/2")) == [second]


def test_unfinished_writes(stores: Store, tmp_path: Path):
    """What a killed writer left is named with its size, is no key, and can be taken away; a finished write is none."""
    stores.write("finished", b"x")
    assert list(stores.unfinished()) == []
    begin_write(stores, b"x" * 5 * MIB)
    (left,) = stores.unfinished()
    assert left.size == 5 * MIB
    assert abs(datetime.now(UTC) - left.modified) < timedelta(minutes=1)
    assert list(stores.list("")) == ["finished"]
    left.discard()
    assert list(stores.unfinished()) == []
    left.discard()


def test_longest_keys(stores: Store):
    """A key as long as allowed can be written, listed by its own name as the prefix, and read."""
    for key in ("k" * 255, "/".join(["k" * 99] * 9)):
        stores.write(key, b"long")
        assert list(stores.list(key)) == [key]
        assert stores.read(key) == b"long"


def test_bad_prefixes(stores: Store):
    """A prefix that no key can start with is refused at once, before anything is listed."""
    for prefix in ("/", "../a", "a//", "a b"):
        with pytest.raises(ValueError, match="expected a relative name"):
            stores.list(prefix)


def test_names_that_are_no_keys(s3_environment, tmp_path: Path):
    """What other tools put there under names that are no keys is passed over."""
    client = boto3.client("s3")
    for name in ("foreign/folder/", "foreign/odd//name", "foreign/with space", "foreign/key"):
        client.put_object(Bucket="like-for-like", Key=name)
    assert list(open_store(f"{s3_environment.uri}/foreign").list("")) == ["key"]
    (tmp_path / "with space").touch()
    (tmp_path / "~0123").write_bytes(b"half of what a killed writer wrote")
    assert list(open_store(tmp_path.as_uri()).list("")) == []


def test_address_round_trip(tmp_path: Path):
    """A store's own address leads to the same folder, whatever signs are in its name."""
    folder = tmp_path / "a%20b ü#?"
    FileStore(folder).write("key", b"x")
    assert open_store(FileStore(folder).uri).read("key") == b"x"


def test_prefix_separates_stores(stores: Store):
    """Two stores of one bucket or folder under other prefixes do not see each other's keys."""
    inner, other = open_store(f"{stores.uri}/inner"), open_store(f"{stores.uri}/inn")
    inner.write("key", b"x")
    assert list(other.list("")) == []
    assert list(stores.list("")) == ["inner/key"]


def test_if_absent(stores: Store):
    """A conditional write fills an empty place and leaves a full one as it is, were the bytes the same."""
    assert stores.write("key", b"first", if_absent=True)
    assert not stores.write("key", b"second", if_absent=True)
    assert not stores.write("key", b"first", if_absent=True)
    assert stores.read("key") == b"first"
    stores.delete("key")
    assert stores.write("key", b"third", if_absent=True)


def test_if_absent_race(stores: Store):
    """Of many conditional writers at once exactly one is told that it won, and its bytes are there."""
    writers = 12
    for number in range(4):
        line = threading.Barrier(writers)

        def write(writer: int, key: str = f"race/{number}", line: threading.Barrier = line) -> bool:
            line.wait()
            return stores.write(key, b"%d" % writer, if_absent=True)

        with ThreadPoolExecutor(writers) as pool:
            won = [writer for writer, result in enumerate(pool.map(write, range(writers))) if result]
        assert len(won) == 1
        assert stores.read(f"race/{number}") == b"%d" % won[0]


def test_overwrite_is_atomic(stores: Store):
    """A reader during overwrites sees one whole version, never a mixture or a gap."""
    versions = [bytes([letter]) * 300_000 for letter in b"abc"]
    stores.write("key", versions[0])
    done = threading.Event()

    def write() -> None:
        for number in range(12):
            stores.write("key", versions[number % 3])
        done.set()

    with ThreadPoolExecutor(3) as pool:
        writer = pool.submit(write)
        while not done.is_set() and not writer.done():
            assert stores.read("key") in versions
        writer.result()


def test_big_file(stores: Store, tmp_path: Path):
    """A file of several parts goes up and comes down as it was, and replaces an earlier one."""
    source, target = tmp_path / "source.npz", tmp_path / "target.npz"
    for size in (40 * MIB + 17, 17 * MIB):
        source.write_bytes(os.urandom(size))
        stores.upload("big/file.npz", source)
        stores.download("big/file.npz", target)
        assert target.read_bytes() == source.read_bytes()
    assert list(stores.list("big")) == ["big/file.npz"]
    stores.delete("big/file.npz")
    assert not stores.exists("big/file.npz")


def test_download_replaces_whole_files_only(stores: Store, tmp_path: Path):
    """A failed download leaves the target as it was and nothing beside it."""
    target = tmp_path / "downloads" / "file"
    target.parent.mkdir()
    target.write_bytes(b"before")
    with pytest.raises(ObjectMissing):
        stores.download("absent", target)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"before"]
    stores.write("present", b"after")
    stores.download("present", target)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"after"]


@pytest.mark.parametrize("size", [1000, 17 * MIB])
def test_a_download_is_cut_off_at_its_bound(stores: Store, tmp_path: Path, size: int):
    """As many bytes as are allowed come, one more does not, in one part or in several; nothing is left of it."""
    target = tmp_path / "downloads" / "file"
    target.parent.mkdir()
    stores.write("file", bytes(size))
    with pytest.raises(TooLarge):
        stores.download("file", target, at_most=size - 1)
    assert list(target.parent.iterdir()) == []
    stores.download("file", target, at_most=size)
    assert target.stat().st_size == size


def test_upload_of_no_file(stores: Store, tmp_path: Path):
    """A missing local file is the caller's fault, not a missing object."""
    with pytest.raises(FileNotFoundError):
        stores.upload("key", tmp_path / "absent")
    assert not stores.exists("key")


BAD_KEYS = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a b",
    "ä",
    "a\n",
    "a\\b",
    "a~",
    "x" * 901,
    "x" * 256,
)


def test_bad_keys(stores: Store, tmp_path: Path):
    """Every method refuses what is not a key, before anything is touched."""
    (tmp_path / "file").touch()
    methods = (
        stores.read,
        stores.exists,
        stores.delete,
        partial(stores.write, data=b""),
        partial(stores.write, data=b"", if_absent=True),
        partial(stores.upload, path=tmp_path / "file"),
        partial(stores.download, path=tmp_path / "target"),
    )
    for key, method in product(BAD_KEYS, methods):
        with pytest.raises(ValueError, match="expected a relative name"):
            method(key)
    assert list(stores.list("")) == []


@SHARED
@given(key=st.text(max_size=30) | st.text("a./-~ ", max_size=12))
def test_no_key_leaves_the_folder(tmp_path: Path, key: str):
    """Whatever a key looks like, it is refused or it stays inside the store and comes back in the listing."""
    folder = tmp_path / "outer" / "store"
    store = FileStore(folder)
    try:
        store.write(key, b"x")
    except ValueError:
        assert not folder.exists()
        return
    assert list(store.list("")) == [key]
    assert [path for path in (tmp_path / "outer").rglob("*") if path.is_file()] == [folder / key]
    store.delete(key)
    for path in sorted((tmp_path / "outer").rglob("*"), reverse=True):
        path.rmdir()


def test_every_safe_character_of_a_prefix_works(s3_environment, tmp_path: Path):
    """A prefix with all the characters that an address may have is written, read, listed, uploaded and deleted."""
    store = open_store(f"{s3_environment.uri}/team=vision/a b+c/!-_.*'()&$@=;:+, x")
    (tmp_path / "file").write_bytes(b"of a file")
    assert store.write("a/key", b"x", if_absent=True)
    assert not store.write("a/key", b"y", if_absent=True)
    store.upload("b/file", tmp_path / "file")
    store.download("b/file", tmp_path / "back")
    assert (store.read("a/key"), (tmp_path / "back").read_bytes()) == (b"x", b"of a file")
    assert list(store.list("")) == ["a/key", "b/file"]
    store.delete("a/key")
    assert not store.exists("a/key")


def test_folder_conflict(tmp_path: Path):
    """Where a folder cannot hold what S3 can, the error is one line that names the store and the key."""
    store = open_store(tmp_path.as_uri())
    store.write("a", b"")
    with pytest.raises(StoreError, match=r"^file:///.*/a/b: .*; check the folder"):
        store.write("a/b", b"")
