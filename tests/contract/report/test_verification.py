"""Verification: what was changed in a report, its predictions or the artifacts behind it is found and named."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.project import PROJECT
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.verification import verify_folder, verify_run
from tasks.runs.records import read_records
from tasks.storage.artifacts import find
from tasks.storage.location import open_store
from tests.support import synthetic
from tests.support.tiny_data import make_configuration, make_mirror

NPZ = "predictions/cifar10-cnn-seed-1.npz"


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory):
    """A downloaded report of two datasets, one of whose families failed."""
    folder = tmp_path_factory.mktemp("downloaded")
    request = synthetic.request((synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000)))
    branches = [with_predictions(folder, branch) for branch in synthetic.everything(request)]
    branches[3] = Branch("fashion_mnist", "cnn", "failed", "train, seed 1: out of memory", search=branches[3].search)
    write(folder, request, branches)
    return folder


def write(folder, request, branches):
    """The documents of the report of these branches."""
    records, facts = synthetic.records(request), synthetic.facts(request)
    comparison = compare(request, branches, records, facts, synthetic.ENVIRONMENT)
    documents = render(comparison)
    for name, body in (documents | {CHECKSUMS: checksums(comparison, documents)}).items():
        (folder / name).write_bytes(body)


@pytest.fixture(scope="module")
def frontier(tmp_path_factory):
    """A downloaded report of one dataset at two budgets."""
    folder = tmp_path_factory.mktemp("frontier")
    request = synthetic.request(budgets=(5_000, 250_000))
    write(folder, request, [with_predictions(folder, branch) for branch in synthetic.everything(request)])
    return folder


@pytest.fixture
def folder(downloaded, tmp_path):
    """A copy of it, to be harmed."""
    return shutil.copytree(downloaded, tmp_path / "report")


def with_predictions(folder, branch):
    """The branch, with its predictions written to where the report names them."""
    replicates = []
    for replicate in branch.replicates:
        truth, probabilities = synthetic.predictions(
            branch.family, replicate.seed, 400, synthetic.ACCURACY[branch.family]
        )
        path = folder / "predictions" / Path(replicate.predictions).name
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, y_true=truth, y_pred=replicate.y_pred, y_prob=probabilities)
        replicates.append(replace(replicate, predictions_sha256=sha256(path.read_bytes()).hexdigest()))
    return replace(branch, replicates=tuple(replicates))


def findings(folder):
    return "\n".join(verify_folder(folder).findings)


def change(folder, path, value):
    """Set one value of report.json; the checksums are made to agree, so that only the numbers can tell."""
    file = folder / "report.json"
    document = json.loads(file.read_text())
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    assert place[last] != value
    place[last] = value
    before = sha256(file.read_bytes()).hexdigest()
    file.write_text(json.dumps(document))
    sums = folder / CHECKSUMS
    sums.write_text(sums.read_text().replace(before, sha256(file.read_bytes()).hexdigest()))


def test_an_honest_report_agrees(folder):
    """Nothing is found, and what was looked at is said; `sha256sum --check` agrees."""
    audit = verify_folder(folder)
    assert audit.findings == []
    assert audit.checked["values"] > 1000
    assert audit.checked["digests"] == 4 + 9 + 9
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=folder, check=True)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("datasets", 1, "models", 1, "accuracy"), 0.9, "datasets[cifar10/250000].models[cnn].accuracy"),
        (("datasets", 0, "models", 1, "accuracy"), 0.9, "datasets[cifar10/5000].models[cnn].accuracy"),
        (("frontiers", 0, "verdict"), "The CNN is better.", "frontiers[cifar10].verdict"),
        (("frontiers", 0, "stretches", 0, "conclusion"), "worse", "frontiers[cifar10].stretches[cnn].conclusion"),
    ],
)
def test_every_budget_is_computed_again(frontier, tmp_path, path, value, named):
    """With several budgets each is compared with its own predictions, and so is what they say together."""
    folder = shutil.copytree(frontier, tmp_path / "report")
    audit = verify_folder(folder)
    assert (audit.findings, audit.checked["digests"]) == ([], 4 + 12 + 12)
    change(folder, path, value)
    assert named in findings(folder)


MODEL = ("datasets", 0, "models", 1)
DIFFERENCE = ("datasets", 0, "differences", 0)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((*MODEL, "accuracy"), 0.9, "datasets[cifar10].models[cnn].accuracy"),
        ((*MODEL, "f1_macro"), 0.9, "datasets[cifar10].models[cnn].f1_macro"),
        ((*MODEL, "confusion_matrix", 0, 0), 1, "datasets[cifar10].models[cnn].confusion_matrix[0][0]"),
        ((*MODEL, "classes", 2, "recall"), 0.9, "datasets[cifar10].models[cnn].classes[bird].recall"),
        ((*MODEL, "spread", "accuracy", "std"), 0.9, "datasets[cifar10].models[cnn].spread.accuracy.std"),
        ((*MODEL, "accuracy_interval", "low"), 0.1, "datasets[cifar10].models[cnn].accuracy_interval.low"),
        ((*MODEL, "most_confused", 0, "count"), 999, "datasets[cifar10].models[cnn].most_confused[0].count"),
        ((*MODEL, "replicates", 1, "calibration_error"), 0.9, "models[cnn].replicates[1].calibration_error"),
        ((*MODEL, "replicates", 1, "log_loss"), 0.9, "models[cnn].replicates[1].log_loss"),
        ((*MODEL, "replicates", 1, "train_seconds"), 99.9, "models[cnn].spread.train_seconds.mean"),
        ((*DIFFERENCE, "estimate"), 0.9, "differences[cnn].estimate"),
        ((*DIFFERENCE, "low"), 0.01, "differences[cnn].low"),
        ((*DIFFERENCE, "p_value"), 0.9, "differences[cnn].p_value"),
        ((*DIFFERENCE, "p_value_unadjusted"), 0.9, "differences[cnn].p_value_unadjusted"),
        ((*DIFFERENCE, "conclusion"), "worse", "differences[cnn].conclusion"),
        ((*DIFFERENCE, "seeds", 2, "p_value"), 0.9, "differences[cnn].seeds[2].p_value"),
        ((*DIFFERENCE, "seeds", 2, "only_family"), 7, "differences[cnn].seeds[2].only_family"),
        (("datasets", 0, "verdict"), "The ANN is better.", "datasets[cifar10].verdict"),
        (("status",), "complete", "status"),
        (("request", "seed"), 1, "datasets[cifar10].models[cnn].accuracy_interval.low"),
    ],
)
def test_a_number_that_the_predictions_do_not_give_is_named(folder, path, value, named):
    """Whatever number of the report is changed, its place is said, also when the checksums were made to agree."""
    change(folder, path, value)
    assert named in findings(folder)


def test_the_last_digit_counts(folder):
    """A change too small for arithmetic to tell is told by the checksum."""
    file = folder / "report.json"
    number = re.search(r"\d\.\d{12,}", file.read_text())[0]
    changed = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    file.write_text(file.read_text().replace(number, changed, 1))
    assert "report.json: SHA-256: expected" in findings(folder)


def test_any_flipped_byte_of_predictions_is_named(folder):
    """One byte of an .npz, wherever it is, makes its file a finding."""
    whole = (folder / NPZ).read_bytes()
    for place in range(0, len(whole), len(whole) // 12):
        (folder / NPZ).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert f"{NPZ}: SHA-256: expected" in findings(folder)


def test_predictions_that_were_exchanged_are_named(folder):
    """Predictions of another seed, with every digest made to agree, do not give the report's numbers."""
    other = (folder / NPZ.replace("seed-1", "seed-2")).read_bytes()
    digests = [sha256(body).hexdigest() for body in ((folder / NPZ).read_bytes(), other)]
    (folder / NPZ).write_bytes(other)
    change(folder, (*MODEL, "replicates", 1, "predictions_sha256"), digests[1])
    sums = (folder / CHECKSUMS).read_text()
    (folder / CHECKSUMS).write_text(sums.replace(f"{digests[0]}  {NPZ}", f"{digests[1]}  {NPZ}"))
    said = findings(folder)
    assert "SHA-256" not in said
    assert "report.json against the predictions: datasets[cifar10].models[cnn].replicates[1].accuracy" in said


@pytest.mark.parametrize("name", ["report.json", "report.html", "report.csv", NPZ, CHECKSUMS])
def test_a_missing_file_is_named(folder, name):
    """A file that is gone is said to be."""
    (folder / name).unlink()
    assert f"{name}: missing" in findings(folder)


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv"])
def test_a_changed_view_is_named(folder, name):
    """A view that was edited by hand is found."""
    (folder / name).write_bytes((folder / name).read_bytes().replace(b"1", b"2", 1))
    assert f"{name}: SHA-256" in findings(folder)


def test_a_report_from_before_digests_is_still_computed_again(folder):
    """Without digests the numbers are what is checked; their absence is no finding."""
    document = json.loads((folder / "report.json").read_text())
    for dataset in document["datasets"]:
        for model in dataset["models"]:
            for replicate in model["replicates"]:
                del replicate["predictions_sha256"]
    (folder / "report.json").write_text(json.dumps(document))
    (folder / CHECKSUMS).unlink()
    audit = verify_folder(folder)
    assert audit.findings == []
    assert audit.checked["values"] > 1000


@pytest.mark.parametrize(
    ("path", "value"), [(("schema_version",), 2), (("run",), 5), (("datasets", 0, "budget"), "many")]
)
def test_a_report_of_another_form_is_one_line(folder, path, value):
    """Another schema, or what is no report, is said with its place, and nothing is computed from it."""
    change(folder, path, value)
    assert re.fullmatch(rf"report\.json: {path[0]}.*received {value!r}", findings(folder))


def test_a_report_cannot_send_its_reader_elsewhere(folder):
    """A name that leads out of the report's folder is refused, not read."""
    change(folder, (*MODEL, "replicates", 1, "predictions"), "../../secret.npz")
    (folder / CHECKSUMS).write_text((folder / CHECKSUMS).read_text() + f"{'0' * 64}  ../secret\n")
    said = findings(folder)
    assert "../../secret.npz: expected a file predictions/NAME.npz" in said
    assert "expected lines of a digest and a name" in said


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of every stage, by their commands; the store's folder and the environment that leads to it."""
    folder = tmp_path_factory.mktemp("run")
    params = {
        "profile": "smoke",
        "datasets": ["cifar10"],
        "families": ["ann"],
        "trials": 1,
        "replicates": 1,
        "epochs": 1,
    }
    environment = os.environ | {
        "STORE": (folder / "store").as_uri(),
        "DATASET_MIRROR": str(make_mirror(folder / "mirror")),
        "WORKFLOW_CONFIG": str(make_configuration(folder / "config")),
        "RUN_PARAMETERS": json.dumps(params),
    }
    stages = [("plan",), ("fetch", "--dataset", "cifar10"), ("normalize", "--dataset", "cifar10")]
    place = ("--dataset", "cifar10", "--family", "ann")
    stages += [("search", *place, "--shard", "0"), ("choose", *place), ("train", *place, "--seed", "0")]
    stages += [("evaluate", *place)]
    for stage, *place in [*stages, ("report",)]:
        typed(environment, stage, "--run", "r1", *place, code=0)
    return environment


def typed(environment, *arguments, code):
    """Type `python -m tasks ...`; what was printed."""
    line = [sys.executable, "-m", "tasks", *arguments]
    done = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


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
    offline = {name: value for name, value in made.items() if name != "STORE"}
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


def test_what_only_the_artifacts_know_is_compared_too(store):
    """A changed validation accuracy of a trial, a loss of an epoch, a fact of the data: each is named by its place."""
    key = "reports/r1/report.json"
    whole = store.read(key)
    document = json.loads(whole)
    cifar = document["datasets"][0]
    cifar["models"][0]["trials"][0]["score"] = 0.123
    cifar["models"][0]["replicates"][0]["history"][0]["loss"] = 0.123
    cifar["facts"]["counts"]["train"] = 123
    cifar["fairness"][0]["found"] = "data artifact of mine"
    try:
        store.write(key, json.dumps(document).encode())
        said = "\n".join(verify_run(store, "r1").findings)
    finally:
        store.write(key, whole)
    for named in ("trials[0].score", "history[1].loss", "facts.counts.train", "fairness[data].found"):
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


def test_an_unknown_run_is_a_bad_request(made):
    """A name that is neither a folder nor a run in the store is said to be neither, with 64."""
    assert "expected the run's request, found none" in typed(made, "verify", "never", code=64)
