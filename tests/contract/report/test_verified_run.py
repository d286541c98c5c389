"""Verification of a run in its store: what was changed in its report or in an artifact behind it is found and named."""

import io
import json
import logging
import re
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from tasks.report.verification import verify_run
from tasks.runs.records import read_records
from tasks.storage.artifacts import find, read_file
from tasks.storage.location import open_store
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_a_process, in_this_process


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of every stage, by their commands; the store's folder and the environment that leads to it."""
    environment = make_environment(tmp_path_factory.mktemp("run"))
    make_run(environment, "r1")
    return environment


@pytest.fixture
def second(made):
    """Another run, which trains for two epochs; its report begins with what differs from the first one."""
    make_run(made, "r2", epochs=2)
    return json.loads(open_store(made["STORE"]).read("reports/r2/report.json"))


def typed(environment, *arguments, code):
    """Type `python -m tasks ...`; what was printed."""
    done = in_a_process(environment, *arguments)
    assert done.code == code, done.output
    return done.output


@pytest.fixture
def store(made):
    return open_store(made["STORE"])


def flipped(store, key):
    """Flip one byte under `key`; what puts it back."""
    path = Path(unquote(urlsplit(store.uri).path), key)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    return lambda: path.write_bytes(whole)


def test_a_real_run_agrees_with_and_without_its_store(made, store, tmp_path):
    """`verify RUN` looks at every artifact, `verify FOLDER` needs no store; both exit with 0 and say what they saw."""
    said = typed(made, "verify", "r1", code=0)
    assert re.search(r"r1: all agrees; looked at 6 artifacts, .* values", said)
    for key in store.list("reports/r1/"):
        target = tmp_path / key.removeprefix("reports/r1/")
        target.parent.mkdir(exist_ok=True)
        store.download(key, target)
    offline = made | {"STORE": ""}
    assert "all agrees" in typed(offline, "verify", str(tmp_path), code=0)
    (tmp_path / "report.md").unlink()
    said = typed(offline, "verify", str(tmp_path), code=65)
    assert "report.md: missing" in said
    assert "1 things do not agree" in said


def test_every_manifest_names_what_made_it(store):
    """Code, lock file, settings, request, inputs and parents stand in each artifact's manifest."""
    for record in read_records(store, "r1"):
        if record["key"]:
            made = find(store, record["stage"], record["key"]).made
            assert {"code", "lock", "settings", "inputs", "request", "parents", "versions", "run"} <= made.keys()
            assert made["parents"].keys() == made["inputs"].keys()
            assert (record["stage"] == "fetch") == (not made["parents"])


@pytest.mark.parametrize("stage", ["fetch", "normalize", "search", "choose", "train", "evaluate"])
def test_a_flipped_byte_in_any_artifact_is_named(store, stage):
    """Whatever file of whatever stage, the store's copy is read to the last byte."""
    record = next(record for record in read_records(store, "r1") if record["stage"] == stage)
    for file in find(store, stage, record["key"]).files.values():
        put_back = flipped(store, file.object)
        try:
            assert any(file.object in line for line in verify_run(store, "r1").findings)
        finally:
            put_back()


def test_the_mistakes_are_pictures_of_the_test_part(store):
    """Every image of every gallery has its picture, of the image at that place; another picture is found."""
    key = "reports/r1/report.json"
    whole = store.read(key)
    document = json.loads(whole)
    galleries = document["datasets"][0]["mistakes"]
    shown = {image["index"] for gallery in galleries for image in gallery["images"]}
    pictures = {picture["index"]: picture for picture in document["data"][0]["mistaken"]}
    assert pictures.keys() == shown
    assert shown
    record = next(record for record in read_records(store, "r1") if record["stage"] == "normalize")
    manifest = find(store, "normalize", record["key"])
    images = np.load(io.BytesIO(read_file(store, manifest, "test-images.npy")))
    for index, picture in pictures.items():
        made = np.asarray(Image.open(io.BytesIO(b64decode(picture["jpeg"]))), int)
        errors = [np.abs(made - image).mean() for image in images.astype(int)]
        assert errors[index] == min(errors)
    first, second = document["data"][0]["mistaken"][:2]
    first["jpeg"] = second["jpeg"]
    with changed(store, key, json.dumps(document).encode()):
        assert "mistaken[0].jpeg" in "\n".join(verify_run(store, "r1").findings)


def test_what_only_the_artifacts_know_is_compared_too(store):
    """A changed validation accuracy of a trial, a loss of an epoch, a floor, a fact of the data: each has its place."""
    key = "reports/r1/report.json"
    whole = store.read(key)
    document = json.loads(whole)
    cifar = document["datasets"][0]
    cifar["models"][0]["trials"][0]["score"] = 0.123
    cifar["models"][0]["replicates"][0]["history"][0]["loss"] = 0.123
    cifar["centroid"]["accuracy"] = 0.123
    cifar["facts"]["counts"]["train"] = 123
    cifar["fairness"][0]["found"] = "data artifact of mine"
    try:
        store.write(key, json.dumps(document).encode())
        said = "\n".join(verify_run(store, "r1").findings)
    finally:
        store.write(key, whole)
    for named in (
        "trials[0].score",
        "history[1].loss",
        "centroid.accuracy",
        "facts.counts.train",
        "fairness[data].found",
    ):
        assert f"against the artifacts: datasets[cifar10].{named}" in said or f"{named}: expected" in said, said


def test_a_missing_artifact_is_named(store):
    """An artifact whose manifest is gone is said to be."""
    record = next(record for record in read_records(store, "r1") if record["stage"] == "train")
    key = f"artifacts/train/{record['key']}/manifest.json"
    whole = store.read(key)
    store.delete(key)
    try:
        assert f"artifacts/train/{record['key']}: missing" in verify_run(store, "r1").findings
    finally:
        store.write(key, whole)


def test_a_manifest_under_a_key_that_is_not_its_own_is_named(store):
    """A manifest whose settings were changed, and its seal made to agree, does not stand under its key any more."""
    record = next(record for record in read_records(store, "r1") if record["stage"] == "train")
    manifest, key = find(store, "train", record["key"]), f"artifacts/train/{record['key']}/manifest.json"
    whole = store.read(key)
    forged = manifest.model_copy(update={"made": manifest.made | {"code": "0" * 64}}).sealed()
    store.write(key, forged.model_dump_json().encode())
    try:
        assert any(f"train/{record['key']}: key: expected" in line for line in verify_run(store, "r1").findings)
    finally:
        store.write(key, whole)


@contextmanager
def changed(store, key, body):
    """Another object under `key`, for a while; `None` deletes it."""
    whole = store.read(key) if store.exists(key) else None
    store.delete(key) if body is None else store.write(key, body)
    try:
        yield
    finally:
        store.delete(key) if whole is None else store.write(key, whole)


@pytest.mark.parametrize("key", ["runs/r1/request.json", "runs/r1/cifar10/ann/seed-0/train.json"])
@pytest.mark.parametrize("kept", [0, 100])
def test_a_cut_document_of_the_run_is_a_finding_with_its_place(store, key, kept):
    """A request or a record that was cut is one finding; the report and the other artifacts are still verified."""
    with changed(store, key, store.read(key)[:kept]), changed(store, "reports/r1/report.md", b"forged"):
        audit = verify_run(store, "r1")
    said = "\n".join(audit.findings)
    assert f"{key}: expected" in said
    assert "report.md: expected the bytes that report.json gives" in said
    assert audit.checked["values"] > 100
    assert audit.checked["artifacts"] >= 5


def test_the_record_of_another_artifact_is_named(store):
    """A record that names another artifact than the report does is found, with the stage's place."""
    key = "runs/r1/cifar10/ann/seed-0/train.json"
    record = json.loads(store.read(key))
    with changed(store, key, json.dumps(record | {"key": "0" * 40}).encode()):
        assert "record of train/cifar10/ann/0: artifact" in "\n".join(verify_run(store, "r1").findings)


def test_forgeries_in_the_store_are_found_as_in_a_folder(store):
    """A forged page without its line, and an extra file, are findings of a run in the store too."""
    sums = store.read("reports/r1/SHA256SUMS")
    unlisted = b"".join(line for line in sums.splitlines(keepends=True) if b"report.html" not in line)
    with (
        changed(store, "reports/r1/SHA256SUMS", unlisted),
        changed(store, "reports/r1/report.html", b"forged"),
        changed(store, "reports/r1/extra.html", b"extra"),
    ):
        said = "\n".join(verify_run(store, "r1").findings)
    assert "report.html: expected the bytes that report.json gives" in said
    assert "lines for report.html: expected 1, received 0" in said
    assert "extra.html: expected no such file" in said


def test_what_a_report_says_of_the_stages_is_compared_with_their_records(store):
    """A stage that is left out, or whose time or reuse is another, is named, although the rest agrees with itself."""
    report = json.loads(store.read("reports/r1/report.json"))
    trained, others = [
        [s for s in report["stages"] if (s["stage"] == "train") == is_train] for is_train in (True, False)
    ]
    faster = [stage | {"seconds": 0.0, "cached": True} for stage in trained]
    for stages, expected in (
        (others, "status: expected 'done', received nothing"),
        (others + faster, "seconds: expected"),
    ):
        forged = json.dumps(report | {"stages": stages}).encode()
        with changed(store, "reports/r1/report.json", forged):
            said = "\n".join(verify_run(store, "r1").findings)
        assert f"report.json: stage train/cifar10/ann/0: {expected}" in said


def test_an_unknown_run_is_a_bad_request(made):
    """A name that is neither a folder nor a run in the store is said to be neither, with 64."""
    assert "expected a run with a report, received 'never'" in typed(made, "verify", "never", code=64)
    assert "reports/never: expected a folder with a report, found none" in typed(
        made, "verify", "reports/never", code=64
    )


def test_what_a_report_says_of_the_run_before_is_made_again(store, second):
    """The line names what was asked differently; a forged one is found, and both runs have a row in the history."""
    since = second["since"]
    assert (since["run"], [change["phrase"] for change in since["changes"]]) == ("r1", ["epochs 2 (was 1)"])
    assert second["code"].keys() == {"fetch/cifar10", "normalize/cifar10"} | {
        f"{stage}/cifar10/ann" for stage in ("search", "choose", "train", "evaluate")
    }
    audit = verify_run(store, "r2")
    assert (audit.findings, audit.unchecked) == ([], [])
    assert [row["run"] for row in json.loads(store.read("reports/history.json"))["rows"]] == ["r1", "r2"]
    forged = second | {"since": since | {"line": "Since run r1: everything is better."}}
    with changed(store, "reports/r2/report.json", json.dumps(forged).encode()):
        assert any("since.line: expected" in line for line in verify_run(store, "r2").findings)


def test_a_run_before_that_is_gone_or_another_leaves_its_line_unchecked(store, second):
    """Nothing of this report is wrong then; what could not be made again is said."""
    key = "reports/r1/report.json"
    for body in (None, b"{", store.read(key) + b" "):
        with changed(store, key, body):
            audit = verify_run(store, "r2")
        assert audit.findings == []
        assert [line for line in audit.unchecked if line.startswith("report.json: since: not made again: ")]


def test_a_history_that_cannot_be_written_does_not_fail_the_report(made, store, monkeypatch, caplog):
    """The report is published before; the log says that the history was not brought up to date."""

    def broken(*_):
        raise ValueError("a report of another kind")

    monkeypatch.setattr("tasks.registry.champions.marks.keep_history", broken)
    with caplog.at_level(logging.WARNING):
        assert in_this_process(made, "report", "--run", "r1") == 0
    assert "the history is not brought up to date: ValueError: a report of another kind" in caplog.text
