"""The scratch folder: gone with its process, however that ends."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tasks.project import PROJECT
from tasks.runs.scratch import KEPT_SECONDS, PREFIX, kept_folder, scratch

HOLDER = """
import tempfile
from pathlib import Path
from tasks.runs.scratch import scratch
with scratch():
    Path(tempfile.mkdtemp(prefix="train-"), "file").write_text("x")
    print("ready", flush=True)
    input()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The system's temporary folder, for this process and for the ones that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holder():
    """A process at work in its scratch folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, *, kill=False):
    if kill:
        process.kill()
    process.communicate("\n")


def test_temporary_files_lie_in_the_folder_and_go_with_it(place):
    """All of them, whoever makes them; afterwards temporary files lie where they did before."""
    with scratch() as folder, tempfile.TemporaryDirectory() as inside:
        assert Path(inside).parent == folder
        assert folder.parent == place
        Path(folder, "forgotten").write_text("x")
    assert list(place.iterdir()) == []
    assert tempfile.gettempdir() == str(place)


def test_a_killed_process_is_swept_up_after_and_a_living_one_is_not(place):
    """SIGKILL leaves the folder; the next process removes it, and touches neither the living nor what is not ours."""
    (place / "somebody-elses").mkdir()
    (place / f"{PREFIX}file").write_text("not a folder")
    living, dead = holder(), holder()
    end(dead, kill=True)
    folders = [path for path in place.glob(f"{PREFIX}*") if path.is_dir()]
    assert len(folders) == 2
    with scratch() as ours:
        left = [path for path in place.glob(f"{PREFIX}*") if path.is_dir()]
        assert ours in left
        assert len(left) == 2
        assert len(list(place.glob(f"{PREFIX}*/train-*/file"))) == 1
        assert living.poll() is None
    end(living)
    assert sorted(path.name for path in place.iterdir()) == [f"{PREFIX}file", "somebody-elses"]


def test_a_kept_folder_outlives_processes_and_what_is_old_in_it_does_not(place):
    """It is the user's alone; the sweep of the dead leaves it, and it forgets files that nobody wrote for long."""
    folder = kept_folder(place, "compiled")
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "new").write_text("x")
    (folder / "old").write_text("x")
    (folder / "inner").mkdir()
    long_ago = time.time() - KEPT_SECONDS - 60
    for name in ("old", "inner"):
        os.utime(folder / name, (long_ago, long_ago))
    with scratch():
        pass
    assert kept_folder(place, "compiled") == folder
    assert sorted(path.name for path in folder.iterdir()) == ["inner", "new"]


def test_a_folder_that_others_can_write_into_is_not_used(place):
    """What somebody else could put there would be run. A link leads to somebody else's folder."""
    kept_folder(place, "compiled").chmod(0o777)
    assert kept_folder(place, "compiled") is None
    kept_folder(place, "other").rename(place / "elsewhere")
    (place / f"other-{PREFIX}{os.getuid()}").symlink_to(place / "elsewhere")
    assert kept_folder(place, "other") is None
