import subprocess
from collections import namedtuple

import pytest

from tests.bench.surroundings import Watch, busy, commit, described, others, reported

Times = namedtuple("Times", "user nice system idle")


def git(folder, *words):
    names = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *names, *words], check=True, capture_output=True)


def test_a_commit_is_named_with_its_changes(tmp_path):
    """A file that differs, or a new one, is told; outside of a repository nothing is known."""
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    name = commit(tmp_path)
    assert len(name) >= 7
    assert name.isalnum()
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{name} + changes"


def test_a_machine_is_told_by_its_cores_its_processor_and_its_gpu():
    """No GPU is told too."""
    facts = {"system": "Linux", "processor": "AMD EPYC", "cores": "2"}
    assert described(facts) == "2 cores of AMD EPYC, no GPU."
    assert described(facts | {"cores": "1", "gpu": "H100"}) == "1 core of AMD EPYC, H100."


def test_what_a_report_says_was_measured_when_it_was_made():
    """On its machine, on its day; the machine that reads it is not named."""
    facts = {"processor": "AMD EPYC", "cores": "2"}
    report = {"run": "first", "environment": {"created": "2026-11-30T03:00:00+00:00", "machine": facts}}
    assert reported(report) == "From the report of first of 2026-11-30. 2 cores of AMD EPYC, no GPU."


def test_what_a_processor_does_is_what_it_is_not_idle():
    """Systems name different kinds of work."""
    assert busy(Times(user=1.0, nice=2.0, system=4.0, idle=100.0)) == 7.0


def test_others_took_what_this_process_did_not():
    """As a share of all cores' seconds; never below nothing, whatever the clocks' ticks are."""
    assert others(worked=15.0, own=5.0, capacity=20.0) == pytest.approx(0.5)
    assert others(worked=4.9, own=5.0, capacity=20.0) == 0


def test_a_note_names_commit_machine_and_load():
    """Each of them, in this order."""
    note = Watch().note()
    places = [note.index(word) for word in ("Commit ", "core", "The load was ", "other processes took ")]
    assert places == sorted(places)
