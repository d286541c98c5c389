"""Two runs of a store compared: the command, its page, and the run before, which a report begins with."""

import io
import json
import logging
import re
from hashlib import sha256

import numpy as np
import pytest

from tasks.report.between.contrast import contrast, in_store, since_before
from tasks.storage.documents import DamagedError
from tests.support import published_runs
from tests.support.stage_commands import in_this_process

MIXUP = {"tricks": published_runs.request("x").training.tricks.model_copy(update={"mixup": 0.2})}


def np_bytes(arrays):
    """An .npz of these arrays."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def put(store, run, *, training=None, **options):
    comparison, files = published_runs.made(published_runs.request(run, **(training or {})), **options)
    published_runs.put(store, comparison, files)
    return comparison


def compared(store, before, after):
    """What `python -m tasks compare` finds."""
    side = in_store(store, after)
    return contrast(in_store(store, before), side.comparison, side.read)


def since(store, run, **options):
    """What the report of a run that is made now would say of the run before it."""
    comparison, files = published_runs.made(published_runs.request(run), **options)
    return since_before(store, comparison, lambda key: files.get(key) or store.read(key))


def test_two_runs_that_differ_in_one_trick_name_that_trick_first(stores):
    """And what it did, from the predictions that both reports publish."""
    put(stores, "a", accuracy=0.6)
    put(stores, "b", accuracy=0.8, training=MIXUP | {"epochs": 9})
    found = compared(stores, "a", "b")
    assert (found.changes[0].kind, found.changes[0].phrase) == ("tricks", "mixup 0.2 (was off)")
    assert all(shift.exceeds_noise and shift.relation == "same test part" for shift in found.shifts)


def test_the_command_prints_it_and_writes_a_page(tmp_path, capsys):
    """`python -m tasks compare A B --page FILE`; `latest` names the newest run."""
    environment = {"STORE": (tmp_path / "store").as_uri()}
    store = published_runs.opened(environment)
    put(store, "a", accuracy=0.6)
    put(store, "b", accuracy=0.8, training=MIXUP)
    page = tmp_path / "page.html"
    assert in_this_process(environment, "compare", "a", "latest", "--page", str(page)) == 0
    said = capsys.readouterr().out
    assert re.search(r"What differs:\n  tricks  mixup: off -> 0\.2\n", said)
    assert re.search(r"CNN on CIFAR-10 .* after .*: better by .* points", said)
    assert "mixup" in page.read_text()
    assert "<script" not in page.read_text()


def test_downloaded_reports_are_compared_without_a_store(tmp_path, capsys):
    """After `make run`, twice: the folders below `reports/` hold all that is needed."""
    store = published_runs.opened({"STORE": (tmp_path / "store").as_uri()})
    put(store, "a", accuracy=0.6)
    put(store, "b", accuracy=0.8, training=MIXUP)
    folders = [str(tmp_path / "store/reports" / run) for run in "ab"]
    assert in_this_process({"STORE": ""}, "compare", *folders) == 0
    assert "mixup: off -> 0.2" in capsys.readouterr().out
    assert in_this_process({"STORE": ""}, "compare", folders[0], str(tmp_path)) == 64


def test_a_run_without_a_report_is_a_bad_request(tmp_path):
    """64, as for every name that leads nowhere."""
    environment = {"STORE": (tmp_path / "store").as_uri()}
    put(published_runs.opened(environment), "a")
    assert in_this_process(environment, "compare", "a", "never") == 64


def test_a_run_that_is_not_named_is_a_bad_request(tmp_path, caplog):
    """`make compare` without A: one line says what to name."""
    assert in_this_process({"STORE": (tmp_path / "store").as_uri()}, "compare", "", "latest") == 64
    assert "expected a run or a folder with a downloaded report, received nothing; for example" in caplog.text


def test_a_report_of_an_older_release_is_refused_with_what_to_do(stores):
    """Its numbers may mean something else."""
    put(stores, "a")
    stores.write("reports/old/report.json", b'{"schema_version": 3}')
    what = r"run old: report\.json: expected schema version 4, received 3.*run it again"
    with pytest.raises(DamagedError, match=what):
        compared(stores, "old", "a")


def test_forged_predictions_are_not_compared(stores):
    """The report names their digest."""
    comparison = put(stores, "a")
    put(stores, "b")
    stores.write(comparison.datasets[0].models[0].replicates[0].predictions, b"others")
    with pytest.raises(DamagedError, match="expected SHA-256"):
        compared(stores, "a", "b")


def test_the_run_before_is_the_last_one_on_these_datasets(stores):
    """Of the same profile; a later run, and one on other datasets, is none."""
    assert since(stores, "first") is None
    put(stores, "a")
    put(stores, "b")
    assert since(stores, "c").run == "b"
    put(stores, "later")
    assert since(stores, "c").run == "b"
    other = published_runs.request("other").model_copy(update={"profile": "full"})
    published_runs.put(stores, *published_runs.made(other))
    assert since(stores, "d").run == "later"


def test_requests_of_another_release_are_passed_over_in_one_line(stores, caplog):
    """However many there are; a run before them that can be read is compared with, and nothing is said."""
    for run in "abc":
        put(stores, run)
        stores.write(f"runs/{run}/request.json", b'{"version": 1}')
    with caplog.at_level(logging.INFO):
        assert since(stores, "d") is None
    assert caplog.messages == [
        "compared with no earlier run: the requests of c, b and a cannot be read by this release"
    ]


def test_a_damaged_run_before_is_no_obstacle(stores, caplog):
    """The report is made without that line, and the log says why."""
    put(stores, "a")
    stores.write("reports/a/report.json", b"{")
    with caplog.at_level(logging.WARNING):
        assert since(stores, "b") is None
    assert "not compared with the run before: run a: report.json" in caplog.text


def emptied(model):
    """The model, done, but without a replicate."""
    return model | {"replicates": []}


@pytest.mark.parametrize(
    "harm",
    [
        lambda report: report["environment"].update(created="some day"),
        lambda report: report["datasets"][0].update(models=[emptied(m) for m in report["datasets"][0]["models"]]),
    ],
)
def test_an_odd_report_before_is_no_obstacle_either(stores, caplog, harm):
    """What nobody checked in it, and what contradicts itself, leaves out the line, and no more."""
    put(stores, "a")
    report = json.loads(stores.read("reports/a/report.json"))
    harm(report)
    stores.write("reports/a/report.json", json.dumps(report).encode())
    with caplog.at_level(logging.WARNING):
        assert since(stores, "b") is None
    assert "not compared with the run before: run a" in caplog.text


ODD = [None, b"", b"no archive", np_bytes({"y_true": [1]}), np_bytes({"y_true": [1], "y_pred": [1]})]


@pytest.mark.parametrize("body", ODD, ids=["missing", "empty", "no archive", "other arrays", "another length"])
def test_odd_predictions_of_the_run_before_are_no_obstacle(tmp_path, caplog, body):
    """Missing, empty, of another form or length, under the digest that the report names. `compare` ends with 65."""
    environment = {"STORE": (tmp_path / "store").as_uri()}
    store = published_runs.opened(environment)
    put(store, "a")
    put(store, "b")
    report = json.loads(store.read("reports/a/report.json"))
    for model in report["datasets"][0]["models"]:
        for replicate in model["replicates"][:1]:
            (tmp_path / "store" / replicate["predictions"]).unlink()
            if body is not None:
                store.write(replicate["predictions"], body)
                replicate["predictions_sha256"] = sha256(body).hexdigest()
    store.write("reports/a/report.json", json.dumps(report).encode())
    with caplog.at_level(logging.WARNING):
        assert since(store, "a2") is None or since(store, "a2").run == "b"
        assert in_this_process(environment, "compare", "a", "b") == 65
    assert "run it again" in caplog.text


def test_the_run_before_is_one_with_results(stores):
    """A run whose branches all failed hides the last good one from nobody."""
    put(stores, "good")
    put(stores, "broken")
    report = json.loads(stores.read("reports/broken/report.json"))
    for model in report["datasets"][0]["models"]:
        model |= {"status": "failed", "error": "search: no memory", "replicates": []}
    stores.write("reports/broken/report.json", json.dumps(report).encode())
    assert since(stores, "next").run == "good"
