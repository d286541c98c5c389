"""Archives that mean harm, or are damaged."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from io import BytesIO

import pytest

from tasks.data.sources import archives
from tasks.errors import DataError
from tests.support.tiny_data import tar_bytes

GOOD = {"top/readme": b"hello", "top/one.bin": b"one", "top/two.bin": b"two", "top/more.bin": b"more"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def extract(path, folder):
    """The names of what is extracted when the members one and two are asked for."""
    return list(archives.extract(path, ("top/one.bin", "top/two.bin"), folder, "http://example.org/a.tar.gz"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_named_members_come_under_their_base_names(tmp_path, folder):
    """Of an archive exactly the named members are written, byte for byte."""
    (tmp_path / "a.tar.gz").write_bytes(tar_bytes(GOOD))
    assert extract(tmp_path / "a.tar.gz", folder) == ["one.bin", "two.bin"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one.bin": b"one", "two.bin": b"two"}


def zip_bytes(members, **changes):
    """A .zip of plain files; `changes` are fields of its last member."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
        for name, value in changes.items():
            setattr(archive.infolist()[-1], name, value)
    return stream.getvalue()


PLAIN_TAR = gzip.decompress(tar_bytes(GOOD))
KINDS = {
    "tar": PLAIN_TAR,
    "gzip": gzip.compress(PLAIN_TAR),
    "several gzips": gzip.compress(PLAIN_TAR[:1000]) + gzip.compress(PLAIN_TAR[1000:]),
    "bzip2": bz2.compress(PLAIN_TAR),
    "xz": lzma.compress(PLAIN_TAR),
    "zip": zip_bytes(GOOD),
    "zip with a comment": zip_bytes(GOOD)[:-2] + b"\5\0hello",
}


@pytest.mark.parametrize("archive", KINDS.values(), ids=KINDS)
def test_every_usual_kind_of_archive_is_read(tmp_path, folder, archive):
    """The bytes of an archive say what it is, whatever its name."""
    (tmp_path / "a.tar.gz").write_bytes(archive)
    assert extract(tmp_path / "a.tar.gz", folder) == ["one.bin", "two.bin"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one.bin": b"one", "two.bin": b"two"}


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_a_name_may_begin_at_the_folder_itself(tmp_path, folder, pack):
    """`tar czf x.tgz .` writes ./top/one.bin, which is top/one.bin."""
    (tmp_path / "a").write_bytes(pack({f"./{name}": body for name, body in GOOD.items()}))
    assert extract(tmp_path / "a", folder) == ["one.bin", "two.bin"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_link_or_a_device_beside_the_members_does_no_harm(tmp_path, folder, kind):
    """What is not asked for is passed over, whatever it is and wherever it leads; it is never made."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        beside = tarfile.TarInfo("top/latest")
        beside.type, beside.linkname = kind, "/etc/passwd"
        archive.addfile(beside)
        for name, body in GOOD.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, BytesIO(body))
    (tmp_path / "a.tar.gz").write_bytes(stream.getvalue())
    assert extract(tmp_path / "a.tar.gz", folder) == ["one.bin", "two.bin"]
    assert names(folder) == ["one.bin", "two.bin"]


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_an_archive_without_the_members_says_which_it_has(tmp_path, folder, pack):
    """Ten of its files are named, and how many more there are; no name breaks the line."""
    has = {f"other/{number}\n.bin": b"" for number in range(14)}
    (tmp_path / "a").write_bytes(pack({"top/one.bin": b"one", **has}))
    with pytest.raises(DataError) as caught:
        extract(tmp_path / "a", folder)
    assert "expected the members top/two.bin, received an archive without them" in str(caught.value)
    assert r"its other files are 'other/0\n.bin', 'other/1\n.bin', " in str(caught.value)
    assert str(caught.value).endswith(r"'other/9\n.bin' and 4 more")
    assert str(caught.value).isprintable()


def archive_with(**changes):
    """A tar whose one member has these odd fields."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("top/one.bin")
        for name, value in changes.items():
            setattr(info, name, value)
        archive.addfile(info, BytesIO(b"x" * info.size))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (tar_bytes(GOOD)[:60], "expected a whole .tar.gz"),
        (tar_bytes({"top/one.bin": bytes(range(256)) * 9})[:250], "expected a whole .tar.gz"),
        (b"no archive", "expected a whole .tar.gz"),
        (tar_bytes({"top/one.bin": b"one"}), "expected the members top/two.bin"),
        (archive_with(name="../one.bin"), "expected plain files in folders, received the member '../one.bin'"),
        (archive_with(name="/etc/passwd"), "expected plain files in folders"),
        (archive_with(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "expected plain files in folders"),
        (archive_with(type=tarfile.LNKTYPE, linkname="top/two.bin"), "'top/one.bin', which is not a plain file"),
        (archive_with(type=tarfile.DIRTYPE), "'top/one.bin', which is not a plain file"),
        (archive_with(size=200_000), "expected at most"),
        (tar_bytes({f"m{n}": b"" for n in range(60)}), "expected at most"),
    ],
    ids=[
        "cut", "cut in a member", "foreign", "incomplete", "escaping", "absolute", "linking", "linking hard",
        "a folder", "swollen", "crowded",
    ],
)  # fmt: skip
def test_a_bad_archive_is_a_clear_error(tmp_path, folder, monkeypatch, archive, expected):
    """Cut, foreign, incomplete, escaping, linking, swollen or crowded: one line, and no path of it is used."""
    monkeypatch.setattr(archives, "PINNED", archives.Limits(50, 100_000, archives.PINNED.archive))
    (tmp_path / "a.tar.gz").write_bytes(archive)
    with pytest.raises(DataError, match=expected):
        extract(tmp_path / "a.tar.gz", folder)
    assert set(names(folder)) <= {"one.bin"}


def bomb_of(*members):
    """A .tar.gz of (type, size, repetitions): headers followed by zeros, which pack to a thousandth."""
    stream = BytesIO()
    with gzip.open(stream, "wb") as packed:
        for kind, size, times in members:
            info = tarfile.TarInfo("top/x")
            info.type, info.size = kind, size
            for _ in range(times):
                packed.write(info.tobuf(tarfile.USTAR_FORMAT))
                packed.write(bytes(-size % 512 + size))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (bomb_of((tarfile.REGTYPE, 2**20, 70)), "expected at most 64 MiB unpacked"),
        (bomb_of((tarfile.XHDTYPE, 2**21, 1)), "expected plain headers, received one of 2,097,152 bytes"),
        (bomb_of((tarfile.GNUTYPE_LONGNAME, 2**21, 1)), "expected plain headers"),
        (bomb_of((tarfile.GNUTYPE_LONGNAME, 2**20 - 512, 70)), "expected at most 64 MiB unpacked"),
        (bomb_of((tarfile.XGLTYPE, 512, 5000)), "expected a whole .tar.gz"),
        (gzip.compress(gzip.compress(tar_bytes(GOOD))), "expected a whole .tar.gz"),
        (gzip.compress(tar_bytes(GOOD)), "expected a whole .tar.gz"),
    ],
    ids=["ratio", "extended header", "long name", "long names", "chain of headers", "thrice packed", "twice packed"],
)
def test_a_bomb_does_not_go_off(tmp_path, folder, archive, expected):
    """What unpacks to more than 100 times its size, in members, in headers or in headers of headers, is left."""
    (tmp_path / "a.tar.gz").write_bytes(archive)
    with pytest.raises(DataError, match=expected):
        extract(tmp_path / "a.tar.gz", folder)
    assert names(folder) == []
    with pytest.raises(DataError, match=expected):
        list(archives.unpack(tmp_path / "a.tar.gz", folder, "http://example.org/a.tar.gz"))


TWO = {"top/two.bin": b"two", "top/one.bin": b"one"}


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (zip_bytes(GOOD)[:-30], "expected a whole .tar.gz"),
        (zip_bytes(TWO).replace(b"top/one", b"top/../"), "received the member 'top/../.bin'"),
        (zip_bytes(TWO, external_attr=(stat.S_IFLNK | 0o777) << 16), "'top/one.bin', which is not a plain file"),
        (zip_bytes(TWO, flag_bits=1), "'top/one.bin', which has a password"),
        (zip_bytes(TWO, compress_type=zipfile.ZIP_BZIP2), "'top/one.bin', which is packed in another way"),
        (zip_bytes({f"m{n}": b"" for n in range(60)}), "expected at most 50 members"),
        (zip_bytes({"x" * 60_000 + str(n): b"" for n in range(20)}), "expected plain headers"),
        (zip_bytes({**TWO, "top/one.bin": bytes(200_000)}), "expected at most 50 members, each of at most 0 MiB"),
        (zip_bytes(TWO, CRC=7), "expected a whole .tar.gz"),
        (zip_bytes(TWO, header_offset=2**31), "expected a whole .tar.gz"),
        (bz2.compress(PLAIN_TAR)[:-20], "expected a whole .tar.gz"),
        (b"BZh9" + bytes(99), "expected a whole .tar.gz"),
        (lzma.compress(PLAIN_TAR)[:100], "expected a whole .tar.gz"),
        (b"\xfd7zXZ\0" + bytes(99), "expected a whole .tar.gz"),
        (PLAIN_TAR[:700], "expected a whole .tar.gz"),
    ],
    ids=[
        "cut zip", "escaping", "linking", "password", "unusual", "crowded", "long directory", "swollen", "damaged",
        "leading outside", "cut bzip2", "no bzip2", "cut xz", "no xz", "cut tar",
    ],
)  # fmt: skip
def test_a_bad_archive_of_another_kind_is_a_clear_error(tmp_path, folder, monkeypatch, archive, expected):
    """What holds for .tar.gz holds for every kind: one line, within the bounds, and no path of it is used."""
    monkeypatch.setattr(archives, "PINNED", archives.Limits(50, 100_000, archives.PINNED.archive))
    (tmp_path / "a").write_bytes(archive)
    with pytest.raises(DataError, match=expected):
        extract(tmp_path / "a", folder)
    assert set(names(folder)) <= {"one.bin", "two.bin"}


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_bomb_of_another_kind_does_not_go_off(tmp_path, folder, pack):
    """70 MiB out of some kilobytes are left, in whatever way they were packed."""
    bomb = gzip.decompress(bomb_of((tarfile.REGTYPE, 2**20, 70)))
    (tmp_path / "a").write_bytes(pack(bomb))
    with pytest.raises(DataError, match="expected at most 64 MiB unpacked"):
        extract(tmp_path / "a", folder)


def test_a_zip_that_unpacks_to_more_than_its_bound_is_left(tmp_path, folder, monkeypatch):
    """Its members count together, since each alone may be small enough."""
    monkeypatch.setattr(archives, "SMALL_ARCHIVE", 2**20)
    (tmp_path / "a").write_bytes(zip_bytes({name: bytes(2**19 + 1) for name in TWO}))
    with pytest.raises(DataError, match="expected at most 1 MiB unpacked"):
        extract(tmp_path / "a", folder)


@pytest.mark.parametrize("archive", KINDS.values(), ids=KINDS)
def test_a_whole_archive_is_unpacked_file_by_file(tmp_path, folder, archive):
    """Each file under a number, with its name beside it; the next is unpacked when the last was taken away."""
    (tmp_path / "a").write_bytes(archive)
    found = {}
    for name, path in archives.unpack(tmp_path / "a", folder, "http://example.org/a"):
        assert names(folder) == [path.name]
        found[name] = path.read_bytes()
        path.unlink()
    assert found == GOOD


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_whole_archive_has_files_and_folders_only(tmp_path, folder, kind):
    """A link or a device is named, and never made; a folder is no fault."""
    (tmp_path / "a").write_bytes(archive_with(type=tarfile.DIRTYPE))
    assert list(archives.unpack(tmp_path / "a", folder, "a")) == []
    (tmp_path / "a").write_bytes(archive_with(type=kind, linkname="/etc/passwd"))
    with pytest.raises(DataError, match=r"received the member 'top/one.bin', which is not a plain file"):
        list(archives.unpack(tmp_path / "a", folder, "a"))
    assert names(folder) == []
