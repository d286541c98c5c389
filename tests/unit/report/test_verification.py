"""Verification of a downloaded report: what was changed in it or in its predictions is found and named."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.verification import verify_folder
from tests.support import published_runs, synthetic
from tests.unit.report.test_documents import Page

LATER = ("brier", "reliability", "sure", "temperature", "calibrated")  # what an early release did not measure
NPZ = "predictions/cifar10-cnn-seed-1.npz"


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory):
    """A downloaded report of two datasets, one of whose families failed."""
    folder = tmp_path_factory.mktemp("downloaded")
    request = synthetic.request((synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000)))
    *done, lost = synthetic.everything(request)
    branches = [with_predictions(folder, branch) for branch in done]
    branches.append(Branch(lost.dataset, lost.family, "failed", "train, seed 1: out of memory", searches=lost.searches))
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

    def write(key, body):
        path = folder / "predictions" / Path(key).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)

    return published_runs.with_predictions(branch, write)


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
    assert audit.checked["digests"] == 5 + 9 + 9
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=folder, check=True)


def test_a_report_on_evaluations_of_an_earlier_release_agrees(tmp_path):
    """Where these told no Brier score, no bins of confidence and no temperature, verification asks for none."""
    request = synthetic.request(replicates=2)
    branches = []
    for branch in synthetic.everything(request):
        old = [{name: score for name, score in r.evaluation.items() if name not in LATER} for r in branch.replicates]
        replicates = [replace(r, evaluation=each) for r, each in zip(branch.replicates, old, strict=True)]
        old = replace(branch, replicates=tuple(replicates), nearest_centroid=None)
        branches.append(with_predictions(tmp_path, old))
    write(tmp_path, request, branches)
    assert findings(tmp_path) == ""


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
    assert (audit.findings, audit.checked["digests"]) == ([], 5 + 12 + 12)
    change(folder, path, value)
    assert named in findings(folder)


MODEL = ("datasets", 0, "models", 1)


DIFFERENCE = ("datasets", 0, "differences", 0)
CONTRADICTION = "datasets.0.differences.0.cnn: expected an interval, a p-value and a conclusion that agree"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((*MODEL, "accuracy"), 0.9, "datasets[cifar10].models[cnn].accuracy"),
        ((*MODEL, "f1_macro"), 0.9, "datasets[cifar10].models[cnn].f1_macro"),
        ((*MODEL, "confusion", 0, 2), 1, "datasets[cifar10].models[cnn].confusion[0][2]"),
        ((*MODEL, "classes", 2, "recall"), 0.9, "datasets[cifar10].models[cnn].classes[bird].recall"),
        ((*MODEL, "spread", "accuracy", "std"), 0.9, "datasets[cifar10].models[cnn].spread.accuracy.std"),
        ((*MODEL, "accuracy_interval", "low"), 0.1, "datasets[cifar10].models[cnn].accuracy_interval.low"),
        ((*MODEL, "most_confused", 0, "count"), 999, "datasets[cifar10].models[cnn].most_confused[0].count"),
        ((*MODEL, "replicates", 1, "calibration_error"), 0.9, "models[cnn].replicates[1].calibration_error"),
        ((*MODEL, "replicates", 1, "brier"), 0.9, "models[cnn].replicates[1].brier"),
        ((*MODEL, "calibration", "sure", "count"), 1, "models.1.calibration.sure: expected means of answers"),
        ((*MODEL, "calibration", "bins", 9, "accuracy"), 0.9, "models[cnn].calibration.bins[9].accuracy"),
        ((*MODEL, "replicates", 1, "log_loss"), 0.9, "models[cnn].replicates[1].log_loss"),
        ((*MODEL, "replicates", 1, "calibrated_error"), 0.9, "models[cnn].replicates[1].calibrated_error"),
        ((*MODEL, "replicates", 1, "temperature"), 3.0, "models[cnn].replicates[1].calibrated_log_loss"),
        ((*MODEL, "replicates", 1, "train_seconds"), 99.9, "models[cnn].spread.train_seconds.mean"),
        ((*DIFFERENCE, "estimate"), 0.9, CONTRADICTION),
        ((*DIFFERENCE, "low"), 0.01, "differences[cnn].low"),
        ((*DIFFERENCE, "p_value"), 0.9, CONTRADICTION),
        ((*DIFFERENCE, "p_value_unadjusted"), 0.9, CONTRADICTION),
        ((*DIFFERENCE, "detectable"), 0.9, "differences[cnn].detectable"),
        ((*DIFFERENCE, "chance_of_next"), 0.1, "differences[cnn].chance_of_next"),
        (("request", "standards", "equivalence"), 2.0, "differences[cnn].equivalence"),
        ((*DIFFERENCE, "conclusion"), "worse", CONTRADICTION),
        ((*DIFFERENCE, "classes", 2, "support"), 7, "differences[cnn].classes[bird].support"),
        ((*DIFFERENCE, "classes", 2, "high"), 1.0, "differences[cnn].classes[bird].high"),
        ((*DIFFERENCE, "seeds", 2, "p_value"), 0.9, "differences[cnn].seeds[2].p_value"),
        ((*DIFFERENCE, "seeds", 2, "only_family"), 7, "differences[cnn].seeds[2].only_family"),
        (("datasets", 0, "verdict"), "The ANN is better.", "datasets[cifar10].verdict"),
        (("status",), "complete", "status"),
        (("request", "seed"), 1, "expected models of the seeds (1, 2, 3), received one of the seed 0"),
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


@pytest.mark.parametrize(("path", "value"), [(("run",), 5), (("datasets", 0, "budget"), "many")])
def test_a_report_of_another_form_is_one_line(folder, path, value):
    """Another schema, or what is no report, is said with its place, and nothing is computed from it."""
    change(folder, path, value)
    assert re.search(rf"^report\.json: {path[0]}.*received {value!r}$", findings(folder), flags=re.M)


def test_a_report_cannot_send_its_reader_elsewhere(folder):
    """A name that leads out of the report's folder is refused, not read."""
    change(folder, (*MODEL, "replicates", 1, "predictions"), "../../secret.npz")
    (folder / CHECKSUMS).write_text((folder / CHECKSUMS).read_text() + f"{'0' * 64}  ../secret\n")
    said = findings(folder)
    assert "../../secret.npz: expected a file predictions/NAME.npz" in said
    assert "expected lines of a digest and a name" in said


def test_a_report_of_searches_of_their_own_agrees(tmp_path):
    """Each replicate names what its own search chose; the page shows every search, and each value is made again."""
    request = synthetic.request()
    training = request.training.model_copy(update={"vary": ("seed", "search")})
    request = request.model_copy(update={"training": training})
    write(tmp_path, request, [with_predictions(tmp_path, branch) for branch in synthetic.everything(request)])
    assert findings(tmp_path) == ""
    model = json.loads((tmp_path / "report.json").read_text())["datasets"][0]["models"][0]
    assert model["hyperparameters"] == {}
    assert [replicate["hyperparameters"]["depth"] for replicate in model["replicates"]] == [5, 5, 5]
    page = Page((tmp_path / "report.html").read_text()).text
    assert "The ANN has a search of its own for each of 3 seeds." in page
    assert "ANN under seed 2: 3 trials" in page
    assert "Hyper-parameters by seed: 0: depth 5" in page
