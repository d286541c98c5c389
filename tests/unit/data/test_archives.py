"""Archives that mean harm, or are damaged."""

import gzip
import tarfile
from io import BytesIO

import pytest

from tasks.data import archives
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
        (archive_with(size=200_000), "expected at most"),
        (tar_bytes({f"m{n}": b"" for n in range(60)}), "expected at most"),
    ],
    ids=["cut", "cut in a member", "foreign", "incomplete", "escaping", "absolute", "linking", "swollen", "crowded"],
)
def test_a_bad_archive_is_a_clear_error(tmp_path, folder, monkeypatch, archive, expected):
    """Cut, foreign, incomplete, escaping, linking, swollen or crowded: one line, and no path of it is used."""
    monkeypatch.setattr(archives, "MAX_MEMBER", 100_000)
    monkeypatch.setattr(archives, "MAX_MEMBERS", 50)
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
