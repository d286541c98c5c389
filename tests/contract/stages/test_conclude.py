"""The promises of `conclude`, by its command: a part of a report of many datasets, and what `report` makes of it."""

import json

import pytest

from tasks.report.documents import part_names
from tasks.settings.workflow import report_key
from tasks.storage.location import open_store
from tests.support.many_datasets import spread_out
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_this_process

FIRST, SECOND, THIRD = NAMES = ("set000", "set001", "set002")


@pytest.fixture(scope="module", autouse=True)
def few_are_many():
    """More than two datasets are too many for one page, so that the tests need not conclude on twenty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.settings.request.TOGETHER", len(NAMES) - 1)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The environment of a store with a real run."""
    environment = make_environment(tmp_path_factory.mktemp("run"))
    make_run(environment, "r1")
    return environment


@pytest.fixture
def store(made):
    return open_store(made["STORE"])


@pytest.fixture
def many(store):
    """A run of three datasets, which has no report yet."""
    run = spread_out(store, "r1", len(NAMES))
    for key in list(store.list(report_key(run))):
        store.delete(key)
    return run


def typed(made, *line):
    return in_this_process(made, *line)


def of(store, run, dataset):
    """The files of a part that are there, by name."""
    keys = {name: report_key(run, name) for name in part_names(dataset)}
    return {name: store.read(key) for name, key in keys.items() if store.exists(key)}


def test_report_joins_what_was_concluded_and_makes_what_is_missing(made, store, many):
    """The parts that are there stay as they are, and the whole report is verified."""
    for dataset in (FIRST, SECOND):
        assert typed(made, "conclude", "--run", many, "--dataset", dataset) == 0
    concluded = {dataset: of(store, many, dataset) for dataset in NAMES}
    assert [len(files) for files in concluded.values()] == [2, 2, 0]
    assert typed(made, "report", "--run", many) == 0
    assert [of(store, many, dataset) for dataset in (FIRST, SECOND)] == [concluded[FIRST], concluded[SECOND]]
    assert len(of(store, many, THIRD)) == 2
    report = json.loads(store.read(report_key(many, "report.json")))
    assert [dataset["name"] for dataset in report["datasets"]] == list(NAMES)
    assert typed(made, "verify", many) == 0


def test_a_damaged_part_is_made_again(made, store, many):
    """What `report` cannot read costs a moment, and no dataset."""
    store.write(report_key(many, part_names(FIRST)[0]), b"{}")
    assert typed(made, "report", "--run", many) == 0
    assert typed(made, "verify", many) == 0


def test_a_damaged_artifact_is_named_on_the_page_and_fails_the_stage(made, store, many):
    """The part is written without the branch, and exit code 65 says that data are not what they were."""
    (key,) = {key for key in store.list("artifacts/evaluate/") if key.endswith("/metrics.json")}
    whole = store.read(key)
    store.write(key, whole[:-9])
    try:
        assert typed(made, "conclude", "--run", many, "--dataset", FIRST) == 65
    finally:
        store.write(key, whole)
    assert b"damaged" in of(store, many, FIRST)[part_names(FIRST)[1]]


def test_a_run_of_few_datasets_has_nothing_to_conclude(made, store):
    """Exit code 99 skips the task."""
    assert typed(made, "conclude", "--run", "r1", "--dataset", "cifar10") == 99
    assert of(store, "r1", "cifar10") == {}


def test_a_dataset_that_the_run_leaves_out_is_skipped(made, many):
    """As every stage of it is."""
    assert typed(made, "conclude", "--run", many, "--dataset", "set999") == 99
