"""What a path stands for: files, folders, archives and names on a stream; what cannot be read says why."""

import io
import os
import tarfile
import tracemalloc
import zipfile

import pytest

from tasks.data.sources.archives import MAX_RATIO, SMALL_ARCHIVE
from tasks.registry.prediction import file
from tasks.registry.prediction.file import UnreadableError
from tasks.registry.prediction.paths import asked
from tests.support.tiny_data import tar_bytes

NOTHING = io.BytesIO()
NO_FILE = "No such file or directory"


def found(*paths, stream=NOTHING):
    """Name and content, or reason, of all that is asked about; each is read before the next one."""
    return [(each.name, content(each)) for each in asked([str(path) for path in paths], stream)]


def content(each):
    try:
        return each.read()
    except UnreadableError as error:
        return str(error)


def names(*paths):
    return [name for name, _ in found(*paths)]


@pytest.fixture
def folder(tmp_path):
    """A folder with files at several depths, hidden ones and a desktop's litter."""
    top = tmp_path / "photos"
    for name in ("b.png", "a/2.png", "a/10.png", "a.png", "a/z/1.png", ".git/x", ".hidden.png", "a/Thumbs.db"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(name.encode())
    return top


def test_a_folder_is_its_files_sorted_by_their_whole_names(folder):
    """All depths are looked at; what is hidden, and litter, is passed over."""
    assert found(folder) == [
        (f"{folder}/{name}", name.encode()) for name in ("a.png", "a/10.png", "a/2.png", "a/z/1.png", "b.png")
    ]
    assert [name for name, _ in found(folder)] == sorted(name for name, _ in found(folder))


def test_paths_come_in_their_order_and_twice_where_they_are_named_twice(folder):
    """Nobody's order is changed, and an answer to each question stands in the result."""
    assert names(folder / "b.png", folder / "a.png", folder / "b.png") == [
        f"{folder}/{name}" for name in ("b.png", "a.png", "b.png")
    ]


def test_a_hidden_file_that_is_named_is_read(folder):
    """Only those that nobody named are passed over."""
    assert found(folder / ".hidden.png") == [(f"{folder}/.hidden.png", b".hidden.png")]


@pytest.mark.parametrize("name", ["two\nlines.png", "Größe 大小 \U0001f41f.png", "\u202egnp.exe", "a;b,\"c'.png"])
def test_any_name_is_read(tmp_path, name):
    """A line feed, any script and marks of direction are parts of a name."""
    (tmp_path / name).write_bytes(b"x")
    assert found(tmp_path) == [(f"{tmp_path}/{name}", b"x")]


def test_a_name_that_is_no_text_is_read(tmp_path):
    """The bytes of a name need be no UTF-8."""
    path = os.fsencode(tmp_path) + b"/\xff.png"
    with open(path, "wb") as stream:
        stream.write(b"x")
    assert [content for _, content in found(tmp_path)] == [b"x"]
    assert [content for _, content in found("-", stream=io.BytesIO(path))] == [b"x"]


def test_names_on_a_stream_stand_for_what_they_do_elsewhere(folder):
    """One name a line, also of a folder; empty lines are none, and the last line needs no end."""
    stream = io.BytesIO(os.fsencode(f"{folder}/b.png\n\n{folder}/a\n{folder}/none.png"))
    assert [(name.removeprefix(f"{folder}/"), body) for name, body in found("-", stream=stream)] == [
        ("b.png", b"b.png"),
        ("a/10.png", b"a/10.png"),
        ("a/2.png", b"a/2.png"),
        ("a/z/1.png", b"a/z/1.png"),
        ("none.png", NO_FILE),
    ]


def test_a_stream_is_read_as_far_as_is_asked(folder):
    """Names may come from a process that is still at work: the first is there before the second one is read."""
    lines = iter([f"{folder}/a.png\n".encode(), f"{folder}/b.png\n".encode()])
    files = asked(["-"], lines)
    assert next(files).name == f"{folder}/a.png"
    assert len([*lines]) == 1


def test_nothing_that_is_no_file_stops_the_others(folder, tmp_path):
    """A missing file, a folder behind a link, a pipe, a device, an impossible name and a forbidden folder say why."""
    os.mkfifo(tmp_path / "pipe")
    (folder / "link").symlink_to(tmp_path)
    said = dict(found(tmp_path / "none.png", folder, tmp_path / "pipe", "/dev/zero", "a\0b", "x" * 300))
    assert said[f"{tmp_path}/none.png"] == NO_FILE
    for name in (f"{folder}/link", f"{tmp_path}/pipe", "/dev/zero"):
        assert said[name] == "expected a file, received a folder, a pipe or a device"
    assert said["a\0b"] == "embedded null byte"
    assert said["x" * 300] == "File name too long"
    assert said[f"{folder}/b.png"] == b"b.png"


def test_an_empty_folder_says_that_it_has_no_files(tmp_path):
    """Also one with nothing but hidden files and folders without files."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").write_bytes(b"x")
    assert found(tmp_path) == [(str(tmp_path), "expected files, found none")]


def test_a_small_file_takes_little_memory(tmp_path):
    """As much as it has, and not as much as the largest image file may have."""
    (tmp_path / "image").write_bytes(b"12345")
    (asked_about,) = asked([str(tmp_path / "image")], NOTHING)
    tracemalloc.start()
    try:
        assert asked_about.read() == b"12345"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_of_a_file_that_grows_no_more_is_read(tmp_path, monkeypatch):
    """As much as it had when it was opened."""
    (tmp_path / "log").write_bytes(b"12345")
    sizes = []

    def grow(size):
        sizes.append(size)
        with (tmp_path / "log").open("ab") as stream:
            stream.write(b"6")

    monkeypatch.setattr(file, "check_size", grow)
    assert found(tmp_path / "log") == [(f"{tmp_path}/log", b"12345")]
    assert sizes == [5]


def test_a_file_that_no_image_can_be_is_not_read(tmp_path, monkeypatch):
    """A film in a folder of pictures takes no memory."""
    monkeypatch.setattr(file, "MAX_BYTES", 5)
    (tmp_path / "film").write_bytes(b"123456")
    (tmp_path / "image").write_bytes(b"12345")
    (_, film), (_, image) = found(tmp_path)
    assert "received a larger one" in film
    assert image == b"12345"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(".zip", ""), (".TAR", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")],
)
def test_an_archive_is_its_members(tmp_path, suffix, mode):
    """Each kind gives the files in its order, also two of one name; what is hidden is passed over."""
    members = [("a/1.png", b"1"), ("__MACOSX/a/1.png", b"x"), (".x", b"x"), ("ü\n.png", b"2"), ("a/1.png", b"3")]
    path = tmp_path / f"photos{suffix}"
    if mode:
        with tarfile.open(path, mode) as tar:
            for name, body in members:
                info = tarfile.TarInfo(name)
                info.size = len(body)
                tar.addfile(info, io.BytesIO(body))
    else:
        with zipfile.ZipFile(path, "w") as zipped:
            for name, body in members:
                zipped.writestr(name, body)
    assert found(path) == [(f"{path}/a/1.png", b"1"), (f"{path}/ü\n.png", b"2"), (f"{path}/a/1.png", b"3")]


def test_of_an_archive_one_member_lies_on_the_disk_at_a_time(tmp_path, monkeypatch):
    """So an archive of any number of images needs the room of one."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    (tmp_path / "a.tar").write_bytes(tar_bytes({f"{number}.png": b"x" for number in range(9)}))
    for each in asked([str(tmp_path / "a.tar")], NOTHING):
        assert each.read() == b"x"
        assert len([path for path in scratch.rglob("*") if path.is_file()]) == 1
    assert not [*scratch.iterdir()]


@pytest.mark.parametrize("name", ["../out.png", "/out.png", "a/../../out.png"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    """What came before is used; nothing is written elsewhere, and other paths go on."""
    path = tmp_path / "in" / "evil.tar.gz"
    path.parent.mkdir()
    path.write_bytes(tar_bytes({"good.png": b"good", name: b"bad"}))
    (good, (where, reason), other) = found(path, tmp_path / "none.png")
    assert good == (f"{path}/good.png", b"good")
    assert where == str(path)
    assert "received the member" in reason
    assert other == (f"{tmp_path}/none.png", NO_FILE)
    assert not [*tmp_path.rglob("out.png")]


def test_a_bomb_is_refused(tmp_path):
    """An archive that unpacks to more than 100 times its size is not unpacked any further."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped, zipped.open("bomb.png", "w") as member:
        for _ in range(SMALL_ARCHIVE // 2**20 + 1):
            member.write(bytes(2**20))
    assert path.stat().st_size * MAX_RATIO < SMALL_ARCHIVE
    ((name, reason),) = found(path)
    assert name == str(path)
    assert reason == "expected at most 64 MiB unpacked, received more"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b"PK\3\4 nothing",
            "expected a whole .tar.gz, .tar.bz2, .tar.xz, .tar or .zip, received one that cannot be read",
        ),
        (tar_bytes({}), "expected files, found none"),
    ],
    ids=["no archive", "empty"],
)
def test_an_archive_without_files_says_why(tmp_path, body, reason):
    """A damaged one, and an empty one."""
    (tmp_path / "a.zip").write_bytes(body)
    ((name, said),) = found(tmp_path / "a.zip")
    assert name == f"{tmp_path}/a.zip"
    assert said.startswith(reason)


def test_a_missing_archive_is_a_missing_file(tmp_path):
    """Its reason is the system's own."""
    assert found(tmp_path / "none.tar.gz") == [(f"{tmp_path}/none.tar.gz", NO_FILE)]
