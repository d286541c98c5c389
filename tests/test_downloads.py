import http.server
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from io import BytesIO

import pytest

from tasks import downloads
from tasks.downloads import DownloadError, bring
from tasks.errors import DataError
from tasks.request import Source
from tests.tiny_data import sha256, tar_bytes

BODY = bytes(range(256)) * 40
PLAIN = Source(name="a.gz", urls=("http://127.0.0.1:9/a.gz",), sha256=sha256(BODY))
ARCHIVE = Source(
    name="a.tar.gz",
    urls=("http://127.0.0.1:9/a.tar.gz",),
    members={"top/one.bin": sha256(b"one"), "top/two.bin": sha256(b"two")},
)
GOOD = {"top/readme": b"hello", "top/one.bin": b"one", "top/two.bin": b"two", "top/more.bin": b"more"}


@contextmanager
def server(respond):
    """A real HTTP server on loopback; `respond(handler)` answers every GET."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        def log_message(self, *parts):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def answer(handler, body, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)


def quiet(line):
    pass


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_mirror_serves_a_plain_file_and_an_archives_members(tmp_path, folder):
    """From a folder, the file comes as it is, and of an archive exactly the configured members, by base name."""
    (tmp_path / "a.gz").write_bytes(BODY)
    (tmp_path / "a.tar.gz").write_bytes(tar_bytes(GOOD))
    bring(PLAIN, str(tmp_path), folder, quiet)
    bring(ARCHIVE, tmp_path.as_uri(), folder, quiet)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a.gz": BODY, "one.bin": b"one", "two.bin": b"two",
    }  # fmt: skip


def test_an_http_download_shows_progress_and_survives_faults_that_heal(folder):
    """A 503 and a body cut short are tried again, and the third answer is taken, with progress in tenths."""
    answers = iter([partial(answer, body=b"", status=503), partial(answer, body=BODY[:99], length=len(BODY))])
    lines = []

    def respond(handler):
        next(answers, partial(answer, body=BODY))(handler)

    with server(respond) as address:
        bring(PLAIN, address, folder, lines.append)
    assert names(folder) == ["a.gz"]
    assert lines[-1].startswith("a.gz: 100 %")


def test_the_next_address_is_tried_when_one_does_not_serve(folder):
    """Upstream addresses are an ordered list: a dead first one is passed over."""
    with server(partial(answer, body=BODY)) as address:
        source = PLAIN.model_copy(update={"urls": ("http://127.0.0.1:9/a.gz", f"{address}/a.gz")})
        bring(source, None, folder, quiet)
    assert names(folder) == ["a.gz"]


def test_no_network_is_an_error_that_may_be_retried_and_a_404_is_not(folder):
    """Unreachable is DownloadError and names the way out; absent is DataError. Neither leaves a file."""
    with pytest.raises(DownloadError, match="check the network, or name a mirror"):
        bring(PLAIN, None, folder, quiet)
    with server(partial(answer, body=b"", status=404)) as address, pytest.raises(DataError, match="received HTTP 404"):
        bring(PLAIN, address, folder, quiet)
    with pytest.raises(DataError, match="expected the upstream file here, found none; check the mirror"):
        bring(PLAIN, str(folder), folder, quiet)
    assert names(folder) == []


def test_an_endless_download_is_cut_off(folder, monkeypatch):
    """A server that sends more than any data set has is left, not followed until the disk is full."""
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD", 1000)
    with server(partial(answer, body=BODY)) as address, pytest.raises(DataError, match="expected at most"):
        bring(PLAIN, address, folder, quiet)
    assert names(folder) == []


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
        (b"no archive", "expected a whole .tar.gz"),
        (tar_bytes({"top/one.bin": b"one"}), "expected the members top/two.bin"),
        (tar_bytes(GOOD | {"top/two.bin": b"tow"}), "two.bin .*expected SHA-256 .*received"),
        (archive_with(name="../one.bin"), "expected plain files in folders, received the member '../one.bin'"),
        (archive_with(name="/etc/passwd"), "expected plain files in folders"),
        (archive_with(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "expected plain files in folders"),
        (archive_with(size=200_000), "expected at most"),
        (tar_bytes({f"m{n}": b"" for n in range(60)}), "expected at most"),
    ],
    ids=["cut", "foreign", "incomplete", "changed", "escaping", "absolute", "linking", "swollen", "crowded"],
)
def test_a_bad_archive_is_a_clear_error(tmp_path, folder, monkeypatch, archive, expected):
    """Cut, foreign, incomplete, changed, escaping, linking, swollen or crowded: one line, and no path of it is used."""
    monkeypatch.setattr(downloads, "MAX_MEMBER", 100_000)
    monkeypatch.setattr(downloads, "MAX_MEMBERS", 50)
    (tmp_path / "a.tar.gz").write_bytes(archive)
    with pytest.raises(DataError, match=expected):
        bring(ARCHIVE, str(tmp_path), folder, quiet)
    assert set(names(folder)) <= {"one.bin"}


def test_a_wrong_digest_names_both_and_leaves_nothing(tmp_path, folder):
    """A changed file is refused with the expected and the received digest, and nothing stays."""
    (tmp_path / "a.gz").write_bytes(BODY[:-1])
    with pytest.raises(DataError, match=f"expected SHA-256 {sha256(BODY)}, received {sha256(BODY[:-1])}"):
        bring(PLAIN, str(tmp_path), folder, quiet)
    assert names(folder) == []
