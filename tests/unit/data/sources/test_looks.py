"""Looks at a living source: what is listed, what is read, what makes a version, and what is never mixed."""

import os
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks.data.sources import archives, looks
from tasks.data.sources.locations import Folder, location_at
from tasks.data.sources.looks import check_apart, is_changed, take
from tasks.errors import DataError, RequestError, UnsettledError
from tasks.storage.location import open_store
from tasks.storage.snapshots import Shelf, note

FLOWERS = {"rose/1.jpg": b"one", "rose/2.jpg": b"two", "tulip/3.jpg": b"three", "tulip/ä b.jpg": b"one"}


@pytest.fixture
def shelf(store):
    return Shelf(store, "flowers")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(looks, "PAUSES", (0.0, 0.0))


def put(folder, files):
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


@pytest.fixture
def flowers(tmp_path):
    return put(tmp_path / "flowers", FLOWERS)


def taken(place, shelf, said=lambda line: None, **options):
    return take(location_at(str(place), (), said), str(place), shelf, said, **options)


def names(snapshot):
    return [file.name for file in snapshot.files]


def stored(store):
    return sorted(store.read(key) for key in store.list("files/"))


def test_each_content_is_stored_once_and_the_list_is_sorted(flowers, store, shelf):
    """Names with folders, blanks and umlauts, sorted; two files of one content are one object."""
    snapshot = taken(flowers, shelf)
    assert names(snapshot) == sorted(FLOWERS)
    assert stored(store) == [b"one", b"three", b"two"]
    assert (snapshot.listed, snapshot.read) == (1, 4)


def test_only_what_is_new_is_read(flowers, store, shelf):
    """A second look lists once and reads only the entries that are new or changed; a removed one is gone."""
    first = taken(flowers, shelf)
    put(flowers, {"rose/9.jpg": b"nine", "rose/1.jpg": b"another"})
    (flowers / "tulip/3.jpg").unlink()
    second = taken(flowers, Shelf(store, "flowers"))
    assert (second.listed, second.read) == (1, 2)
    assert names(second) == ["rose/1.jpg", "rose/2.jpg", "rose/9.jpg", "tulip/ä b.jpg"]
    assert first.version != second.version
    third = taken(flowers, Shelf(store, "flowers"))
    assert (third.read, third.version) == (0, second.version)


def test_a_forced_look_reads_everything(flowers, store, shelf):
    """Also a file whose content changed while its name, size and time of change did not."""
    first = taken(flowers, shelf)
    path = flowers / "rose/1.jpg"
    before = path.stat()
    path.write_bytes(b"eno")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert taken(flowers, Shelf(store, "flowers")).version == first.version
    forced = taken(flowers, Shelf(store, "flowers"), afresh=True)
    assert (forced.read, forced.version == first.version) == (4, False)


def test_a_file_that_the_store_lost_is_read_again(flowers, store, shelf):
    """A known listing does not hide that a stored file is missing, or was cut."""
    first = taken(flowers, shelf)
    lost, cut = first.files[0], first.files[2]
    store.delete(f"files/{lost.sha256}")
    store.write(f"files/{cut.sha256}", b"")
    again = taken(flowers, Shelf(store, "flowers"))
    assert (again.version, stored(store)) == (first.version, [b"one", b"three", b"two"])
    assert again.read == 3  # two entries have the content that was lost


def pack_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def pack_tar(path, folder, top, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        archive.add(folder, top)
    return path


def test_a_folder_and_its_archives_are_one_version(flowers, tmp_path, store):
    """Packed with or without a folder on top, as .zip, .tar, .tar.gz or .tar.bz2: the same names, the same version."""
    places = [
        flowers,
        put(tmp_path / "deeper", {f"in/here/{name}": body for name, body in FLOWERS.items()}),
        pack_zip(tmp_path / "a.zip", FLOWERS),
        pack_zip(tmp_path / "b.ZIP", {f"flowers/{name}": body for name, body in reversed(FLOWERS.items())}),
        pack_tar(tmp_path / "c.tar", flowers, "flowers", "w"),
        pack_tar(tmp_path / "d.tar.gz", flowers, "."),
        pack_tar(tmp_path / "e.tar.bz2", flowers, "./some/where", "w:bz2"),
    ]
    snapshots = [taken(place, Shelf(store, f"d{number}")) for number, place in enumerate(places)]
    assert {snapshot.version for snapshot in snapshots} == {snapshots[0].version}
    assert names(snapshots[-1]) == sorted(FLOWERS)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["rose/1.jpg", "rose/2.jpg"], ["rose/1.jpg", "rose/2.jpg"]),
        (["flowers/rose/1.jpg"], ["rose/1.jpg"]),
        (["flowers/rose/1.jpg", "flowers/labels.csv"], ["labels.csv", "rose/1.jpg"]),
        (["flowers/rose/1.jpg", "labels.csv"], ["flowers/rose/1.jpg", "labels.csv"]),
        (["1.jpg", "2.jpg"], ["1.jpg", "2.jpg"]),
        (["a/b/c/1.jpg", "a/b/d/2.jpg"], ["c/1.jpg", "d/2.jpg"]),
    ],
)
def test_a_folder_on_top_goes_only_when_it_holds_folders(tmp_path, shelf, files, expected):
    """A single folder that holds only files is a class, and keeps its name."""
    assert names(taken(put(tmp_path / "x", dict.fromkeys(files, b"")), shelf)) == expected


def test_one_file_is_a_source_too(tmp_path, shelf):
    """A file that is no archive by its name, as a table or NumPy's, is the only file, and is not unpacked."""
    put(tmp_path, {"flowers.parquet": b"table"})
    assert names(taken(tmp_path / "flowers.parquet", shelf)) == ["flowers.parquet"]
    pack_zip(tmp_path / "flowers.npz", {"x.npy": b""})
    assert names(taken(tmp_path / "flowers.npz", shelf)) == ["flowers.npz"]


def test_what_is_hidden_or_litter_is_passed_over(flowers, tmp_path, store, shelf):
    """What desktops, editors and copies under way leave behind is no data, in a folder and in an archive."""
    litter = dict.fromkeys((".DS_Store", "rose/.1.jpg.Xy", ".git/config", "Thumbs.db", "__MACOSX/rose/1.jpg"), b"x")
    put(flowers, litter)
    assert names(taken(flowers, shelf)) == sorted(FLOWERS)
    assert names(taken(pack_zip(tmp_path / "a.zip", FLOWERS | litter), Shelf(store, "zip"))) == sorted(FLOWERS)


def refusal(place, shelf):
    with pytest.raises(DataError) as caught:
        taken(place, shelf)
    assert str(caught.value).isprintable()
    assert "/tmp" not in str(caught.value)
    return str(caught.value)


def test_a_folder_without_files_is_refused(tmp_path, shelf):
    """Empty, with hidden files only, or not there: one line that says what was expected and what to do."""
    assert "expected a folder or a file, found neither; correct `location`" in refusal(tmp_path / "nowhere", shelf)
    assert "expected files, found none" in refusal(put(tmp_path / "x", {".DS_Store": b""}), shelf)
    assert "expected files in the archive, found none" in refusal(pack_zip(tmp_path / "a.zip", {}), shelf)


@pytest.mark.parametrize("target", ["/etc/hostname", "nowhere", "/etc", "..", "../secret"])
def test_a_link_that_leads_elsewhere_is_refused(flowers, store, shelf, target):
    """Out of the folder, to nothing, or to a folder: named and not followed; nothing is stored."""
    put(flowers.parent, {"secret": b"s"})
    (flowers / "rose" / "4.jpg").symlink_to(target)
    assert "received 'rose/4.jpg', which leads elsewhere; put the file itself there" in refusal(flowers, shelf)
    assert stored(store) == []


def test_a_link_within_the_folder_is_its_file(flowers, tmp_path, shelf):
    """The location itself may be a link as well."""
    (flowers / "rose" / "4.jpg").symlink_to("../tulip/3.jpg")
    (tmp_path / "link").symlink_to(flowers)
    snapshot = taken(tmp_path / "link", shelf)
    digests = {file.name: file.sha256 for file in snapshot.files}
    assert digests["rose/4.jpg"] == digests["tulip/3.jpg"]


def test_a_pipe_is_refused_and_not_waited_for(flowers, shelf):
    """What is neither a file nor a folder is named."""
    os.mkfifo(flowers / "rose" / "pipe")
    assert "received 'rose/pipe', which is neither" in refusal(flowers, shelf)


def test_a_name_that_is_no_text_is_refused(flowers, shelf):
    """Bytes that are not UTF-8 have no name that a list could hold."""
    Path(os.fsdecode(os.fsencode(flowers) + b"/rose/\xff.jpg")).write_bytes(b"x")
    assert "expected names in UTF-8" in refusal(flowers, shelf)


@contextmanager
def unprivileged(folder):
    """During the block, this process is nobody, who owns the folder; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.parametrize("what", ["rose/1.jpg", "rose"])
def test_what_may_not_be_read_is_named(what):
    """A file or a folder without permission is one line, and no crash."""
    with TemporaryDirectory() as place:  # one that nobody may enter
        os.chmod(place, 0o755)
        flowers, store = put(Path(place, "flowers"), FLOWERS), Path(place, "store")
        store.mkdir()
        with unprivileged(Path(place)):
            (flowers / what).chmod(0)
            with pytest.raises(DataError, match=rf"expected files that may be read, received '{what}.*permissions"):
                taken(flowers, Shelf(open_store(store.as_uri()), "flowers"))
            (flowers / what).chmod(0o755)


class Meddling(Folder):
    """A folder in which somebody does something whenever an entry of that name is read."""

    def __init__(self, path, name, *deeds):
        super().__init__(path)
        self._name, self._deeds = name, list(deeds)

    def bring(self, entry, target, count):
        def then(size):
            if entry.name == self._name and self._deeds:
                self._deeds.pop(0)()
            count(size)

        super().bring(entry, target, then)


def test_a_file_that_changes_while_it_is_read_is_read_again(flowers, shelf):
    """The snapshot has what the file is in the end, not what it was before, nor a mixture."""
    path = flowers / "rose/1.jpg"
    said = []
    location = Meddling(flowers, "rose/1.jpg", lambda: path.write_bytes(b"one and a half"))
    snapshot = take(location, "x", shelf, said.append)
    assert snapshot.files[0].size == len("one and a half")
    assert (snapshot.listed, snapshot.read) == (2, 4)
    assert "'rose/1.jpg' changed while it was read; listing again" in said[0]


def test_a_file_that_vanishes_while_the_folder_is_read_is_left_out(flowers, shelf):
    """It is listed again, and then it is not there."""
    location = Meddling(flowers, "rose/1.jpg", (flowers / "rose/1.jpg").unlink)
    assert names(take(location, "x", shelf, lambda line: None)) == sorted(FLOWERS)[1:]


def test_a_file_that_never_rests_ends_the_look_without_a_snapshot(flowers, store, shelf):
    """A process appends to it all the time: one line after three times, which a retry may mend; the rest is kept."""
    stop, path = threading.Event(), flowers / "rose/1.jpg"

    def append():
        with path.open("ab", buffering=0) as stream:
            while not stop.wait(0.001):
                stream.write(b"x" * 100)

    writer = threading.Thread(target=append)
    writer.start()
    try:
        with pytest.raises(
            UnsettledError, match=r"'rose/1.jpg' changed while it was read, 3 times; try again"
        ) as caught:
            taken(flowers, shelf)
    finally:
        stop.set()
        writer.join()
    assert caught.value.exit_code == 1
    settled = taken(flowers, Shelf(store, "flowers"))
    assert (settled.read, settled.files[0].size) == (1, path.stat().st_size)


def test_a_location_that_is_another_one_is_read_as_a_whole(flowers, store, shelf, tmp_path):
    """What was listed elsewhere says nothing, even of a file of the same name, size and time."""
    taken(flowers, shelf)
    os.rename(flowers, tmp_path / "moved")
    assert taken(tmp_path / "moved", Shelf(store, "flowers")).read == 4


def test_what_the_last_look_left_may_be_damaged(flowers, store, shelf):
    """It only saves work: all is read again, and the version is the same."""
    first = taken(flowers, shelf)
    store.write("snapshots/flowers.json", b"{")
    again = taken(flowers, Shelf(store, "flowers"))
    assert (again.read, again.version) == (4, first.version)


def test_a_listing_is_compared_with_what_a_run_fetched(flowers, store, shelf):
    """New before the first run, the same after it, another one with any change, and after a look whose run died."""
    location = Folder(flowers)
    changed = lambda: is_changed(location, "x", Shelf(store, "flowers"))  # noqa: E731
    assert changed()
    version = take(location, "x", shelf, lambda line: None).version
    assert changed()  # no run has noted this version yet
    note(store, "flowers", version, "r1", "now")
    assert not changed()
    put(flowers, {"rose/5.jpg": b""})
    assert changed()
    (flowers / "rose/5.jpg").unlink()
    assert not changed()
    os.utime(flowers / "rose/1.jpg", ns=(1, 1))
    assert changed()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"../x.jpg": b"x"}, "received the member '../x.jpg'"),
        ({"/x.jpg": b"x"}, "received the member '/x.jpg'"),
        ({"a/b.jpg": bytes(2**21)}, "expected at most 1 MiB unpacked, received more"),
    ],
    ids=["escaping", "absolute", "bomb"],
)
def test_an_archive_that_means_harm_is_refused(tmp_path, shelf, monkeypatch, members, expected):
    """One line; nothing of it is written anywhere but the scratch folder, and no snapshot is made."""
    monkeypatch.setattr(archives, "SMALL_ARCHIVE", 2**20)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    assert expected in refusal(path, shelf)
    assert not (tmp_path / "x.jpg").exists()
    assert shelf.last() is None


def test_an_archive_with_a_password_or_a_link_is_refused(tmp_path, shelf):
    """The member is named, with the reason."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("rose/1.jpg", b"x")
        archive.infolist()[0].flag_bits = 1
    assert "'rose/1.jpg', which has a password" in refusal(tmp_path / "a.zip", shelf)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.jpg").symlink_to("/etc/passwd")
    pack_tar(tmp_path / "b.tar.gz", tmp_path / "in", "in")
    assert "'in/1.jpg', which is not a plain file" in refusal(tmp_path / "b.tar.gz", shelf)


def test_an_archive_of_many_members_is_a_source(tmp_path, store, shelf):
    """There may be more of them than an archive of pinned files has; a second look does not unpack it again."""
    files = {f"c{number % 3}/{number}.jpg": b"%d" % number for number in range(3000)}
    path = pack_zip(tmp_path / "a.zip", files)
    snapshot = taken(path, shelf)
    assert names(snapshot) == sorted(files)
    assert taken(path, Shelf(store, "flowers")).read == 0


def test_an_archive_names_each_member_once(tmp_path, shelf):
    """Which of two would count nobody could tell."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("rose/1.jpg"))
    assert "expected each name once, received 'rose/1.jpg' twice" in refusal(tmp_path / "a.tar", shelf)


@pytest.mark.parametrize(
    ("address", "store"),
    [
        ("/data", "file:///data/store"),
        ("/data/store", "file:///data/store"),
        ("/data/store/files", "file:///data/store"),
        ("s3://bucket", "s3://bucket/runs"),
        ("s3://bucket/prefix/artifacts/x/", "s3://bucket/prefix"),
    ],
)
def test_a_location_that_holds_the_store_is_refused(address, store):
    """Its own files would be images for ever: a location around the store, or in what it writes, is a wrong request."""
    with pytest.raises(RequestError, match="apart from the store"):
        check_apart(address, store)


@pytest.mark.parametrize(
    ("address", "store"),
    [
        ("/data/photos", "file:///data/store"),
        ("/data/store-of-photos", "file:///data/store"),
        ("s3://bucket/photos/", "s3://bucket"),
        ("s3://bucket/photos/", "s3://bucket/runs"),
        ("https://example.org/photos.zip", "s3://bucket"),
    ],
)
def test_a_location_beside_the_store_is_fine(address, store):
    """A bucket or folder may hold both, each at a place of its own."""
    check_apart(address, store)
