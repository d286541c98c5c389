"""The notebook of a report: every cell works in the folder of the report alone, whatever the run has and lacks."""

import json
import re
from dataclasses import replace
from html import escape

import numpy as np
import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.data import Pictures, illustrated, shown
from tasks.comparison.evidence import Branch
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.strips import pictures
from tasks.report.verification import verify_folder
from tests.support import synthetic
from tests.support.notebooks import executed, outputs
from tests.support.published_runs import with_predictions

EXAMPLES = 400
EVIL = "</style><script>alert(1)</script><img src=x>$x_1$ {0}"


def downloaded(folder, request, branches, pictured=()):
    """A report in a folder, as `download` brings it; datasets of the names `pictured` have pictures."""
    (folder / "predictions").mkdir(parents=True)

    def write(key, body):
        (folder / key.removeprefix(f"reports/{request.run}/")).write_bytes(body)

    kept = [with_predictions(branch, write, EXAMPLES) if branch.replicates else branch for branch in branches]
    report = compare(request, kept, synthetic.records(request), synthetic.facts(request), synthetic.ENVIRONMENT)
    images = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 32, 32, 3), np.uint8)
    drawn = {name: Pictures(mistaken=pictures(images, shown(report, name))) for name in pictured}
    documents = render(illustrated(report, drawn))
    for name, body in (documents | {CHECKSUMS: checksums(report, documents)}).items():
        (folder / name).write_bytes(body)
    return json.loads(documents["report.json"])


def test_every_cell_works_and_agrees_with_the_report(tmp_path):
    """Table, McNemar's tests, recall and pictures are there; the numbers are the report's, and no file changes."""
    request = synthetic.request()
    report = downloaded(tmp_path / "home", request, synthetic.everything(request), ["cifar10"])
    found = outputs(executed(tmp_path / "home" / "explore.ipynb"))
    [dataset] = report["datasets"]
    assert escape(dataset["verdict"]) in found
    assert "The largest difference to the report&#x27;s accuracies is 0." in found
    for test in dataset["differences"][0]["seeds"]:
        rows = re.findall(
            rf"<th>{test['seed']}</th>\s*<td>(\d+)</td>\s*<td>(\d+)</td>\s*<td>(.*)</td>\s*<td>(.*)<", found
        )
        [(only_cnn, only_ann, here, reported)] = rows
        assert (int(only_cnn), int(only_ann)) == (test["only_family"], test["only_reference"])
        assert here == reported
    assert found.count("<img src") == sum(len(gallery["images"]) for gallery in dataset["mistakes"]) > 10
    assert found.count("Figure size") == 2
    assert not verify_folder(tmp_path / "home").findings


def test_the_bootstrap_is_near_the_interval_of_the_report(tmp_path):
    """Its mean is the report's estimate, and its ends lie around it."""
    request = synthetic.request()
    downloaded(tmp_path / "home", request, synthetic.everything(request))
    found = outputs(executed(tmp_path / "home" / "explore.ipynb"))
    numbers = [
        [float(cell) for cell in re.findall(r"<td>(.*)</td>", row)]
        for row in re.findall(r"<th>(?:here, by the bootstrap|in the report)</th>(\s*<td>.*?)</tr>", found, flags=re.S)
    ]
    (mean, low, high), (estimate, reported_low, reported_high) = numbers
    assert mean == estimate
    assert low < mean < high
    assert reported_low < mean < reported_high
    assert "The report has no pictures of these images." in found


@pytest.fixture
def partial():
    """Two datasets at two budgets; branches failed, and one dataset has no result at one budget."""
    about = synthetic.dataset(), synthetic.dataset("flowers", EVIL, classes=(EVIL, "$x_1$", *synthetic.CLASSES[2:]))
    request = synthetic.request(about, budgets=(50_000, 250_000))
    branches = synthetic.everything(request)
    lost = [
        replace(branch, status="failed", error=f"train: {EVIL}", replicates=())
        if branch.dataset == "flowers" and (branch.budget == 50_000 or branch.family == "cnn")
        else branch
        for branch in branches
    ]
    return request, lost


def test_a_partial_run_of_several_budgets_works(tmp_path, partial):
    """What has no result is said with its reason, and hostile text stays text."""
    request, branches = partial
    assert {type(branch) for branch in branches} == {Branch}
    downloaded(tmp_path / "home", request, branches, ["cifar10"])
    found = outputs(executed(tmp_path / "home" / "explore.ipynb"))
    assert "CIFAR-10, 50,000 parameters: cnn against ann" in found
    assert "no family has a result" in found
    assert found.count("there are no two families with results to compare") == 2
    assert "<script" not in found
    assert "<img src=x" not in found
    assert "&lt;script&gt;" in found


def test_a_run_without_any_result_works(tmp_path):
    """Every branch failed, and every cell says so."""
    request = synthetic.request()
    failed = [Branch("cifar10", family, "failed", "search: no memory") for family in request.families]
    downloaded(tmp_path / "home", request, failed)
    found = outputs(executed(tmp_path / "home" / "explore.ipynb"))
    assert "search: no memory" in found
    assert "No model of this run has a result." in found


def test_a_notebook_away_from_its_report_says_what_it_needs(tmp_path):
    """Alone it ends in its first cell, with one line."""
    request = synthetic.request()
    downloaded(tmp_path / "home", request, synthetic.everything(request))
    (tmp_path / "home" / "report.json").unlink()
    with pytest.raises(Exception, match=r"expected report\.json beside this notebook, found none"):
        executed(tmp_path / "home" / "explore.ipynb")
