"""Living sources as a person and Airflow meet them: `watch` and `fetch` as commands, and a fetch that is killed."""

import signal
import subprocess
import sys

import pytest

from tasks.data.sources import web_file
from tasks.data.sources.locations import Folder
from tasks.data.sources.looks import take
from tasks.project import PROJECT
from tasks.runs.records import read_record
from tasks.runs.requests import write_request
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.storage.retries import RetryPolicy
from tasks.storage.snapshots import Shelf, fetched
from tests.support.living import add_living
from tests.support.patience import PATIENCE
from tests.support.stage_commands import in_a_process, speaking
from tests.support.tiny_data import make_configuration


@pytest.fixture
def flowers(tmp_path):
    folder = tmp_path / "flowers"
    for number in range(3):
        (folder / "rose").mkdir(parents=True, exist_ok=True)
        (folder / "rose" / f"{number}.jpg").write_bytes(b"%d" % number)
    return folder


@pytest.fixture
def environment(tmp_path, flowers):
    config = make_configuration(tmp_path / "config")
    add_living(config, "flowers", flowers, reader="idx")
    return {"STORE": (tmp_path / "store").as_uri(), "WORKFLOW_CONFIG": str(config)}


@pytest.fixture
def command(environment, caplog):
    return speaking(environment, caplog)


@pytest.fixture
def fetch(environment, store, tmp_path, command):
    """Fetch the living dataset in a new run."""

    def run(name):
        configuration = load_configuration(tmp_path / "config")
        write_request(store, resolve(configuration, Parameters(profile="smoke", datasets=("flowers",)), name))
        return command("fetch", "--run", name, "--dataset", "flowers")

    return run


def test_watch_tells_whether_there_is_something_new(command, fetch, flowers, capsys):
    """0 and one line before the first run and after every change; 99 when all is as the last run found it."""
    watch = ("watch", "--dataset", "flowers")
    assert command(*watch).code == 0
    assert capsys.readouterr().out == "flowers: location flowers has changed since the last run\n"
    assert fetch("r1").code == 0
    for _ in range(2):
        unchanged = command(*watch)
        assert (unchanged.code, "flowers: location flowers is as the last run found it" in unchanged.output) == (
            99,
            True,
        )
    (flowers / "rose" / "4.jpg").write_bytes(b"4")
    assert command(*watch).code == 0
    assert fetch("r2").code == 0
    assert command(*watch).code == 99


def test_watch_of_what_cannot_be_seen_is_an_error(command, fetch, flowers, environment):
    """Not a change: 65 for a folder that is gone, 64 for an unknown dataset; pinned files have nothing to watch."""
    assert fetch("r1").code == 0
    flowers.rename(flowers.with_name("gone"))
    gone = command("watch", "--dataset", "flowers")
    assert (gone.code, "expected a folder or a file, found neither" in gone.output) == (65, True)
    unknown = command("watch", "--dataset", "trees")
    assert (unknown.code, "trees" in unknown.output) == (64, True)
    pinned = command("watch", "--dataset", "cifar10")
    assert (pinned.code, "its files are pinned by their digests" in pinned.output) == (99, True)


def test_watch_of_what_is_away_is_an_outage(command, environment, monkeypatch, tmp_path):
    """Code 1, which may be retried, and one line without a traceback."""
    monkeypatch.setattr(web_file, "PATIENT", RetryPolicy(0))
    add_living(tmp_path / "config", "flowers", "http://127.0.0.1:9/a.zip", reader="idx")
    away = command("watch", "--dataset", "flowers")
    assert (away.code, "Traceback" in away.output) == (1, False)
    assert "watch: http://127.0.0.1:9/a.zip: expected an answer, received ConnectionRefusedError" in away.output


def test_watch_is_a_process_like_a_stage(environment):
    """As Airflow starts it: the exit code, and the line on its output."""
    found = in_a_process(environment, "watch", "--dataset", "flowers")
    assert (found.code, found.output) == (0, "flowers: location flowers has changed since the last run\n")


def test_a_source_that_is_refused_fails_its_stage_and_loses_nothing(fetch, flowers, store):
    """65 with one line in the record; the version of the run before stays the present one."""
    assert fetch("r1").code == 0
    (flowers / "rose" / "out.jpg").symlink_to("/etc/hostname")
    refused = fetch("r2")
    assert (refused.code, "which leads elsewhere" in refused.output) == (65, True)
    record = read_record(store, "r2", Place("flowers"), "fetch")
    assert (record["status"], "'rose/out.jpg', which leads elsewhere" in record["error"]) == ("failed", True)
    assert str(flowers.parent) not in record["error"]
    assert len(fetched(store, "flowers")) == 1


def test_a_killed_look_is_continued(tmp_path, store):
    """After SIGKILL in the middle, the next look reads only the rest, and makes the right snapshot."""
    folder = tmp_path / "many"
    folder.mkdir()
    names = [f"{number:04d}.jpg" for number in range(1500)]
    for name in names:
        (folder / name).write_bytes(name.encode())
    program = (
        "import sys; from pathlib import Path; from tasks.data.sources import looks\n"
        "from tasks.data.sources.locations import Folder; from tasks.storage.location import open_store\n"
        "from tasks.storage.snapshots import Shelf; looks.KEPT_EVERY = 0.0\n"
        "from tests.support.dying import die_before\n"
        "die_before(lambda event, path: path.name == 'many.json' and path.exists())\n"
        "looks.take(Folder(Path(sys.argv[2])), 'x', Shelf(open_store(sys.argv[1]), 'many'), print)"
    )
    line = [sys.executable, "-c", program, store.uri, str(folder)]
    assert subprocess.run(line, cwd=PROJECT, timeout=PATIENCE, check=False).returncode == -signal.SIGKILL
    known = len(Shelf(store, "many").last().entries)
    assert 0 < known < len(names)
    assert fetched(store, "many") == []
    snapshot = take(Folder(folder), "x", Shelf(store, "many"), lambda line: None)
    assert snapshot.read == len(names) - known
    assert {file.name: store.read(f"files/{file.sha256}").decode() for file in snapshot.files} == dict(
        zip(names, names, strict=True)
    )
