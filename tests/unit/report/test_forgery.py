"""A forged report, its checksums made to agree: `verify` makes again whatever can be made again, and so finds it."""

import json
import shutil
from hashlib import sha256

import matplotlib
import pytest

from tasks.comparison.assembly import compare
from tasks.report.documents import CHECKSUMS, checksums, render, renderer
from tasks.report.verification import verify_folder
from tests.support import synthetic
from tests.unit.report.test_verification import NPZ, with_predictions

ENVIRONMENT = synthetic.ENVIRONMENT.model_copy(update={"renderer": renderer()})


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A downloaded report, rendered by these very releases."""
    folder = tmp_path_factory.mktemp("honest")
    request = synthetic.request()
    write(folder, compare_all(folder, request, ENVIRONMENT))
    return folder


def compare_all(folder, request, environment):
    branches = [with_predictions(folder, branch) for branch in synthetic.everything(request)]
    return compare(request, branches, synthetic.records(request), synthetic.facts(request), environment)


def write(folder, comparison):
    documents = render(comparison)
    for name, body in (documents | {CHECKSUMS: checksums(comparison, documents)}).items():
        (folder / name).write_bytes(body)


@pytest.fixture
def folder(honest, tmp_path):
    """A copy of it, to be forged."""
    return shutil.copytree(honest, tmp_path / "report")


def edit(folder, name, old, new):
    """Change a file, and correct its digest."""
    file, sums = folder / name, folder / CHECKSUMS
    before = file.read_bytes()
    assert old in before
    file.write_bytes(before.replace(old, new, 1))
    digests = [sha256(body).hexdigest() for body in (before, file.read_bytes())]
    sums.write_text(sums.read_text().replace(*digests))


def without_line(folder, name):
    """Remove the line of a file from SHA256SUMS."""
    sums = folder / CHECKSUMS
    sums.write_text("".join(f"{line}\n" for line in sums.read_text().splitlines() if not line.endswith(name)))


def findings(folder):
    return "\n".join(verify_folder(folder).findings)


def test_an_honest_report_is_made_again(honest):
    """Every view is made again from report.json and has the same bytes; nothing was left unchecked."""
    audit = verify_folder(honest)
    assert (audit.findings, audit.unchecked) == ([], [])
    assert audit.checked["documents made again"] == 5


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv", "explore.ipynb"])
def test_a_forged_view_with_its_digest_corrected_is_named(folder, name):
    """A view that says something else than report.json is found, whatever SHA256SUMS says."""
    edit(folder, name, {"report.csv": b"cnn", "explore.ipynb": b"McNemar"}.get(name, b"CNN"), b"DNN")
    said = findings(folder)
    assert f"{name}: expected the bytes that report.json gives" in said
    assert "SHA-256" not in said


def test_only_a_report_of_an_earlier_release_may_lack_the_notebook(folder):
    """This very release makes it, so that one without it and without its line has lost it."""
    (folder / "explore.ipynb").unlink()
    without_line(folder, "explore.ipynb")
    assert f"{CHECKSUMS}: lines for explore.ipynb: expected 1, received 0" in findings(folder)
    report = json.loads((folder / "report.json").read_text())
    report["environment"]["renderer"]["code"] = "of an earlier release"
    (folder / "report.json").write_text(json.dumps(report))
    assert "explore.ipynb" not in findings(folder)


def test_a_forged_view_without_its_line_is_named_twice(folder):
    """A line that was removed from SHA256SUMS is missed, and the file is checked nevertheless."""
    without_line(folder, "report.html")
    assert f"{CHECKSUMS}: lines for report.html: expected 1, received 0" in findings(folder)
    (folder / "report.html").write_text("<p>The ANN won.</p>")
    assert "report.html: expected the bytes that report.json gives" in findings(folder)


def test_predictions_must_be_listed_too(folder):
    """No file of predictions can hide from SHA256SUMS."""
    without_line(folder, NPZ)
    assert f"{CHECKSUMS}: lines for {NPZ}: expected 1, received 0" in findings(folder)


def test_a_line_that_stands_twice_is_named(folder):
    """Of two lines for one file a reader may believe either."""
    sums = folder / CHECKSUMS
    sums.write_text(sums.read_text() + f"{'0' * 64}  report.html\n")
    assert f"{CHECKSUMS}: lines for report.html: expected 1, received 2" in findings(folder)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("name", ["predictions/extra.npz", "index.html", "deep/er/x"])
def test_a_file_that_does_not_belong_to_the_report_is_named(folder, name, listed):
    """An extra file is found, with and without a line in SHA256SUMS."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"extra")
    if listed:
        with (folder / CHECKSUMS).open("a") as sums:
            sums.write(f"{sha256(b'extra').hexdigest()}  {name}\n")
    assert f"{name}: expected no such file in this report" in findings(folder)


def test_a_second_value_under_one_name_is_named(folder):
    """JSON with a name twice is read one way by one reader and another way by the next: its bytes do not agree."""
    edit(folder, "report.json", b'"run":', b'"run": "other",\n "run":')
    assert "report.json: expected the bytes that report.json gives" in findings(folder)


@pytest.mark.parametrize("kept", [0, 1, 1000, -2])
def test_a_cut_report_is_a_finding_and_the_rest_is_still_verified(folder, kept):
    """A report.json that was cut anywhere is one line with its place; a changed view beside it is found too."""
    file = folder / "report.json"
    file.write_bytes(file.read_bytes()[:kept])
    (folder / "report.md").write_text("forged")
    found = verify_folder(folder).findings
    assert any(line.startswith("report.json: expected a report, received ") for line in found)
    assert any(line.startswith("report.md: SHA-256") for line in found)


@pytest.mark.parametrize("name", ["predictions", "pr\N{LATIN SMALL LETTER E WITH ACUTE}dictions/a.npz", "\u2028"])
def test_a_line_of_what_can_be_no_file_is_a_finding(folder, name):
    """A line that names a folder, or what no store takes for a name, ends no verification."""
    with (folder / CHECKSUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    said = findings(folder)
    assert f"{name}: missing" in said or "expected lines of a digest and a name" in said


def test_a_folder_in_place_of_a_file_is_a_finding(folder):
    """A folder that has the name of a document is a document that is missing."""
    (folder / "report.json").unlink()
    (folder / "report.json").mkdir()
    assert "report.json: missing" in findings(folder)


def test_bytes_that_are_no_text_are_a_finding(folder):
    """A report.json or SHA256SUMS of random bytes ends no verification."""
    for name in ("report.json", CHECKSUMS):
        (folder / name).write_bytes(bytes(range(256)))
    assert "report.json: expected a report, received" in findings(folder)


def test_an_older_report_is_said_to_have_another_version(folder):
    """A report of another schema is no damage: which version it has, and what to do, is said in one line."""
    edit(folder, "report.json", b'"schema_version": 4', b'"schema_version": 3')
    said = findings(folder)
    assert "report.json: expected schema version 4, received 3; the release that made it reads it" in said


def test_another_release_is_not_checked_rather_than_forged(tmp_path):
    """A page that another Matplotlib drew is said to be unchecked; the other documents are made again."""
    other = ENVIRONMENT.model_copy(update={"renderer": renderer() | {"matplotlib": "1.0"}})
    write(tmp_path, compare_all(tmp_path, synthetic.request(), other))
    (tmp_path / "report.html").write_bytes((tmp_path / "report.html").read_bytes() + b"\n")
    comparison = compare_all(tmp_path, synthetic.request(), other)
    documents = {name: (tmp_path / name).read_bytes() for name in render(comparison)}
    (tmp_path / CHECKSUMS).write_bytes(checksums(comparison, documents))
    audit = verify_folder(tmp_path)
    assert audit.findings == []
    here = matplotlib.__version__
    assert audit.unchecked == [f"report.html: not made again: matplotlib 1.0 made it, and here is {here}"]
    assert audit.checked["documents made again"] == 4


def test_a_persons_settings_of_matplotlib_change_no_page():
    """What a matplotlibrc says reaches no figure, so that another person's page has the same bytes."""
    request = synthetic.request()
    comparison = compare(request, synthetic.everything(request), [], {}, ENVIRONMENT)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.markersize": 20}):
        other = render(comparison)
    assert other == render(comparison)


def test_predictions_without_a_digest_are_no_report(folder):
    """A report names the digest of every file of predictions; one without it cannot escape the check."""
    document = json.loads((folder / "report.json").read_text())
    document["datasets"][0]["models"][0]["replicates"][0]["predictions_sha256"] = None
    (folder / "report.json").write_text(json.dumps(document))
    assert "predictions_sha256" in findings(folder)
