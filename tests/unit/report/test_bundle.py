"""A published report is brought home whole and right, or not at all; a download that was cut off goes on."""

import io
import os
import shutil
import time
from hashlib import sha256

import pytest

from tasks.__main__ import main
from tasks.errors import DataError, RequestError
from tasks.report.bundle import Progress, download, published, run_named
from tasks.report.progress_bar import ProgressBar, drawn
from tasks.report.verification import verify_folder
from tasks.runs.order import publish
from tasks.storage.folder import FileStore
from tests.support import synthetic
from tests.support.published_runs import publish_report

NPZ = "reports/quick-1/predictions/cifar10-cnn-seed-1.npz"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a store with a published report of one dataset, three seeds of two families."""
    folder = tmp_path_factory.mktemp("made")
    publish_report(FileStore(folder), synthetic.request())
    return folder


@pytest.fixture
def store(made, tmp_path):
    """A copy of it, to be harmed."""
    return FileStore(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def target(tmp_path):
    return tmp_path / "home"


def brought(store, folder, run="latest", tell=lambda progress: None):
    return download(store, published(store, run_named(store, run)), folder, tell)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_download_has_every_file_and_verifies(store, target):
    """Documents, predictions and SHA256SUMS, byte for byte, and `verify` of the folder agrees without the store."""
    assert brought(store, target) == 12
    stored = {key.removeprefix("reports/quick-1/"): store.read(key) for key in store.list("reports/quick-1/")}
    assert files(target) == stored
    assert not verify_folder(target).findings


def test_what_is_there_and_right_is_kept(store, target):
    """A second download transfers nothing, and one after a loss transfers what is lost."""
    brought(store, target)
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*.npz")}
    (target / "report.md").unlink()
    (target / "SHA256SUMS").unlink()
    assert brought(store, target) == 2
    assert brought(store, target) == 0
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*.npz")} == times
    assert len(files(target)) == 12


def test_a_report_of_a_release_without_a_notebook_is_brought(store, target):
    """It has neither the file nor a line for it; a line without its file is damage all the same."""
    store.delete("reports/quick-1/explore.ipynb")
    with pytest.raises(DataError, match=r"received others: explore\.ipynb"):
        published(store, "quick-1")
    sums = store.read("reports/quick-1/SHA256SUMS").splitlines(keepends=True)
    store.write("reports/quick-1/SHA256SUMS", b"".join(line for line in sums if b"explore" not in line))
    assert brought(store, target) == 11
    assert not verify_folder(target).findings


def test_what_a_killed_download_left_goes(store, target):
    """Its unfinished file is no obstacle, and does not stay."""
    left = target / ".download-x"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    brought(store, target)
    assert len(files(target)) == 12
    assert not left.exists()


def test_two_downloads_into_one_folder_leave_each_other_alone(store, target):
    """The second begins while the first is at work; both end with the whole report."""
    assert brought(store, target, tell=lambda progress: brought(store, target)) == 12
    assert len(files(target)) == 12
    assert not list(target.glob(".download*"))


@pytest.mark.parametrize("name", ["notes.txt", "report.html", "predictions/other.npz", "SHA256SUMS"])
def test_a_folder_with_other_content_is_left_alone(store, target, name):
    """One line names the file and what to do; nothing is written or overwritten."""
    (target / name).parent.mkdir(parents=True)
    (target / name).write_bytes(b"mine")
    with pytest.raises(RequestError, match=f"received {name}, which is not of it; name another folder"):
        brought(store, target)
    assert files(target) == {name: b"mine"}


def test_a_file_in_place_of_the_folder_is_refused(store, target):
    """It is somebody's."""
    target.write_bytes(b"mine")
    with pytest.raises(RequestError, match="received a file; name another one"):
        brought(store, target)


def test_latest_is_the_newest_report(store, target):
    """`latest` follows reports/latest.json; a run is found by the name that Airflow gives it, too."""
    store.write("reports/quick-2/report.json", b"{}")
    publish(store, "quick-2", "complete")
    assert run_named(store, "latest") == "quick-2"
    assert run_named(store, "quick-1") == "quick-1"


def test_a_damaged_pointer_to_the_newest_is_no_obstacle_to_another(store):
    """Only who asks for the newest needs it; an unknown run is refused all the same."""
    store.write("reports/latest.json", b"{")
    assert run_named(store, "quick-1") == "quick-1"
    with pytest.raises(DataError, match=r"latest\.json"):
        run_named(store, "latest")
    with pytest.raises(RequestError, match=r"received 'quick-9'; .*latest\.json"):
        run_named(store, "quick-9")


def test_an_unknown_run_is_refused_with_one_that_is_there(store, tmp_path):
    """64, with what was asked and the newest that the store has; an empty store says that it has none."""
    with pytest.raises(RequestError, match="received 'quick-9'; the newest is quick-1"):
        run_named(store, "quick-9")
    with pytest.raises(RequestError, match="received 'latest'; it has none yet"):
        run_named(FileStore(tmp_path / "empty"), "latest")


def test_a_damaged_file_never_gets_its_name(store, target, tmp_path):
    """65 with both digests; what came before it stays for the next attempt."""
    whole = store.read(NPZ)
    store.write(NPZ, whole[:-1])
    with pytest.raises(DataError, match=rf"{NPZ}: expected SHA-256 \w+, received {sha256(whole[:-1]).hexdigest()}"):
        brought(store, target)
    assert NPZ.rpartition("/")[2] not in {path.name for path in target.rglob("*")}
    assert not list(target.glob(".download*"))
    store.write(NPZ, whole)
    assert brought(store, target) < 11


@pytest.mark.parametrize("name", [NPZ, "reports/quick-1/report.md", "reports/quick-1/SHA256SUMS"])
def test_a_missing_file_ends_the_download_before_it_begins(store, target, name):
    """65, and no folder is made."""
    store.delete(name)
    with pytest.raises(DataError, match=name.rpartition("/")[2]):
        brought(store, target)
    assert not target.exists()


def test_two_digests_of_one_file_are_a_contradiction(store, target):
    """Whoever corrects SHA256SUMS for a forged file still meets the digest in report.json."""
    forged = b"forged"
    old = sha256(store.read(NPZ)).hexdigest().encode()
    store.write(NPZ, forged)
    sums = store.read("reports/quick-1/SHA256SUMS")
    store.write("reports/quick-1/SHA256SUMS", sums.replace(old, sha256(forged).hexdigest().encode()))
    with pytest.raises(DataError, match=r"report.json and SHA256SUMS name two digests"):
        brought(store, target)


@pytest.mark.parametrize("line", [b"../../evil", b"/etc/passwd", b"a b"])
def test_no_name_leads_out_of_the_folder(store, target, line):
    """SHA256SUMS of anybody's store is not believed: only plain names are taken."""
    sums = store.read("reports/quick-1/SHA256SUMS")
    store.write("reports/quick-1/SHA256SUMS", sums + b"0" * 64 + b"  " + line + b"\n")
    with pytest.raises(DataError, match="expected lines of a digest and a name"):
        brought(store, target)


def test_a_folder_without_permission_says_so(store, target, monkeypatch):
    """One line: the folder, the reason, what to do. (As root everything is allowed, so the system's answer is made.)"""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    with pytest.raises(OSError, match=r"home: expected .* received: Permission denied; mend that, or name"):
        brought(store, target)


def test_the_progress_grows_to_the_whole(store, target):
    """It counts files and bytes of all files, and never more than there are."""
    seen = []
    brought(store, target, tell=seen.append)
    size = sum(len(body) for name, body in files(target).items() if name != "SHA256SUMS")
    assert seen[0]() == Progress(11, 11, size, size)


def test_a_bar_says_how_far_it_is():
    """A share, bytes and files; before anything is known, nothing."""
    assert drawn(Progress(2, 12, 4_000_000, 16_000_000)) == (
        "[######..................]  25%  4.0 of 16.0 MB, file 3 of 12"
    )
    assert drawn(Progress(12, 12, 0, 0)).startswith("[########################] 100%")
    assert drawn(None) == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "ends"), [(Terminal(), "\r\x1b[K"), (io.StringIO(), "\n")])
def test_a_terminal_has_one_line_that_is_redrawn_and_a_log_has_plain_lines(stream, ends):
    """On a terminal nothing is left of it; a log gets no control characters. Before the first file it says its task."""
    with ProgressBar(stream, "looking for the report", silence=0.05) as bar:
        while "looking" not in stream.getvalue():
            time.sleep(0.01)
        bar.follow(lambda: Progress(0, 1, 1, 2))
        while "50%" not in stream.getvalue():
            time.sleep(0.01)
    assert stream.getvalue().endswith(ends)
    assert ("\r" in stream.getvalue()) == stream.isatty()


def test_the_command_says_what_it_brought(store, tmp_path, monkeypatch, capsys):
    """0 with a line that names the folder and counts; TO left out is the run's name in the present folder."""
    monkeypatch.setenv("STORE", store.uri)
    monkeypatch.chdir(tmp_path)
    assert main(["download", "latest"]) == 0
    assert capsys.readouterr().out == "quick-1: the report of quick-1, 12 files, all verified; 12 were new\n"
    assert main(["download", "quick-1", "elsewhere"]) == 0
    assert sorted(os.listdir("elsewhere")) == sorted(os.listdir("quick-1"))


def test_the_command_ends_with_the_code_of_its_fault(store, tmp_path, monkeypatch):
    """64 for a run that is not there, 65 for damage."""
    monkeypatch.setenv("STORE", store.uri)
    assert main(["download", "nobody", str(tmp_path / "a")]) == 64
    store.write(NPZ, b"x")
    assert main(["download", "quick-1", str(tmp_path / "a")]) == 65


def test_a_store_in_a_folder_has_no_links(store, monkeypatch, caplog):
    """64, with the reason."""
    monkeypatch.setenv("STORE", store.uri)
    assert main(["presign", "latest"]) == 64
    assert "expected a store in S3, received a folder" in caplog.text


@pytest.mark.parametrize("hours", ["0", "169", "nan", "soon", "-1"])
def test_a_link_works_for_at_most_seven_days(hours, capsys):
    """S3 makes no longer ones, and the command says so before it asks."""
    with pytest.raises(SystemExit):
        main(["presign", "latest", "--hours", hours])
    assert "expected a number above 0 and of at most 168" in capsys.readouterr().err
