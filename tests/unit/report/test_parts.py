"""A report of many datasets: a page for each, one that joins them, and all of it verified."""

from hashlib import sha256

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.together import alone, united
from tasks.report.documents import CHECKSUMS, checksums, part_names, part_page, render, renderer, to_json
from tasks.report.verification import verify_folder
from tests.support import synthetic
from tests.support.published_runs import with_predictions
from tests.unit.report.test_documents import Page

MANY = tuple(synthetic.dataset(f"set_{number}", f"Set {number}", 5_000) for number in range(3))


@pytest.fixture(scope="module", autouse=True)
def few_are_many():
    """More than two datasets are too many for one page, so that the tests need not draw twenty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.settings.request.TOGETHER", len(MANY) - 1)
        yield


@pytest.fixture(scope="module")
def whole():
    """The comparison of so many datasets made at once, and the predictions by name."""
    request = synthetic.request(MANY, replicates=1)
    files = {}
    branches = [with_predictions(each, files.__setitem__, 60) for each in synthetic.everything(request, examples=60)]
    made_here = synthetic.ENVIRONMENT.model_copy(update={"renderer": renderer()})
    made = compare(request, branches, synthetic.records(request), synthetic.facts(request), made_here)
    return made, {key.partition(f"/{request.run}/")[2]: body for key, body in files.items()}


@pytest.fixture(scope="module")
def joined(whole):
    """The same, joined from its parts."""
    comparison, _ = whole
    each = [alone(comparison, dataset.name) for dataset in MANY]
    return united(comparison.request, each, [stage for stage in comparison.stages if stage.dataset is None])


@pytest.fixture(scope="module")
def files(whole, joined):
    """The files of the report, as a run of many datasets publishes them."""
    comparison, predictions = whole
    parts = {}
    for dataset in MANY:
        part = alone(comparison, dataset.name)
        texts = (text.encode() for text in (to_json(part), part_page(part)))
        parts |= dict(zip(part_names(dataset.name), texts, strict=True))
    documents = render(joined)
    sums = checksums(joined, documents, {name: sha256(body).hexdigest() for name, body in parts.items()})
    return documents | predictions | parts | {CHECKSUMS: sums}


@pytest.fixture
def folder(files, tmp_path):
    """The report in a folder, to be harmed."""
    for name, body in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    return tmp_path


def test_parts_joined_say_what_one_comparison_of_all_says(whole, joined):
    """Every number, conclusion and verdict, but for the order of the stages."""
    comparison, _ = whole
    assert joined.datasets == comparison.datasets
    assert joined.status == comparison.status
    assert sorted(map(str, joined.stages)) == sorted(map(str, comparison.stages))


def test_a_report_of_many_datasets_is_verified_with_its_parts(folder):
    """Nothing is found in what nobody changed, and every page is made again."""
    audit = verify_folder(folder)
    assert audit.findings == []
    assert audit.unchecked == []
    assert audit.checked["documents made again"] == 5 + len(MANY)


@pytest.mark.parametrize("kind", ["json", "html"])
def test_a_changed_part_is_found(folder, kind):
    """A number of a part that is not that of the report, and a page that is not made from its part."""
    path = folder / f"datasets/set_1.{kind}"
    path.write_text(path.read_text().replace("Set 1", "Set 9"))
    findings = verify_folder(folder).findings
    assert any(finding.startswith(f"datasets/set_1.{kind}") and "SHA-256" not in finding for finding in findings)


def test_a_part_that_is_gone_is_found(folder):
    """Each dataset has its two files."""
    (folder / "datasets/set_2.html").unlink()
    assert any("datasets/set_2.html: missing" in finding for finding in verify_folder(folder).findings)


def test_the_page_of_all_leads_to_each_and_back(files):
    """The page of all has a line and a link for each dataset, no figure, and stays small."""
    page = files["report.html"].decode()
    for dataset in MANY:
        assert f'href="datasets/{dataset.name}.html"' in page
        assert 'href="../report.html"' in files[f"datasets/{dataset.name}.html"].decode()
    assert "<figure" not in page
    assert f"of {len(MANY)} comparisons" in page
    assert len(page) < 40_000
    Page(page)
