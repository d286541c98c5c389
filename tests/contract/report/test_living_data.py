"""The report of data that changed: two runs of every stage on a folder of photographs, which grew in between."""

import json
import re
from pathlib import Path

import pytest

from tasks.comparison.schema.report import Comparison
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.verification import verify_folder, verify_run
from tasks.storage.location import open_store
from tests.support import photographs
from tests.support.stage_commands import in_this_process
from tests.support.tiny_data import make_configuration

DATASET = """
title = "Photographs"
reader = "folder"
image_size = [16, 16]
color = "grey"
budget = 6_000
location = "{folder}"
gate.conflicting = 0.2
gate.corrupt = 0.2
"""
PARAMETERS = {"profile": "smoke", "datasets": ["photographs"], "families": ["ann"], "trials": 1, "epochs": 1}
BRANCH = ("--dataset", "photographs", "--family", "ann")


def run(environment, name):
    """Every stage of one run, by their commands; its report."""
    searches = [("search", *BRANCH, "--shard", str(shard)) for shard in range(2)]
    trainings = [("train", *BRANCH, "--seed", str(seed)) for seed in range(2)]
    data = [(stage, "--dataset", "photographs") for stage in ("fetch", "normalize")]
    branch = [*searches, ("choose", *BRANCH), *trainings, ("evaluate", *BRANCH)]
    for stage, *place in [("plan",), *data, *branch, ("report",)]:
        assert in_this_process(environment, stage, "--run", name, *place) in (0, 99), stage
    return json.loads(open_store(environment["STORE"]).read(f"reports/{name}/report.json"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A folder of photographs as a dataset."""
    folder = tmp_path_factory.mktemp("living")
    photographs.write(folder / "photographs", 90, 3)
    configuration = make_configuration(folder / "config")
    (configuration / "datasets" / "photographs.toml").write_text(DATASET.format(folder=folder / "photographs"))
    return {
        "STORE": (folder / "store").as_uri(),
        "WORKFLOW_CONFIG": str(configuration),
        "RUN_PARAMETERS": json.dumps(PARAMETERS),
        "PHOTOGRAPHS": str(folder / "photographs"),
    }


@pytest.fixture(scope="module")
def reports(environment):
    """The reports of the first version of the data, of the same once more, and of the second version."""
    first, again = run(environment, "r1"), run(environment, "r2")
    photographs.more(Path(environment["PHOTOGRAPHS"]), 30, 3)
    return {"r1": first, "r2": again, "r3": run(environment, "r3")}


def test_the_first_report_has_no_version_before(reports):
    """It names its version, its classes and what the gate found, and shows examples of each class."""
    (data,) = reports["r1"]["data"]
    classes = reports["r1"]["datasets"][0]["classes"]
    assert re.fullmatch("[0-9a-f]{40,64}", data["version"])
    assert data["changes"] is None
    assert [strip["name"] for strip in data["examples"]] == classes == photographs.class_names(3)
    assert {finding["name"] for finding in data["gate"]} >= {"corrupt"}
    assert reports["r1"]["datasets"][0]["models"][0]["earlier"] is None


def test_a_run_on_the_same_data_says_what_it_reused(reports):
    """The second run trained nothing: each of its models is of the first run."""
    (model,) = reports["r2"]["datasets"][0]["models"]
    assert [replicate["trained_in"] for replicate in model["replicates"]] == ["r1", "r1"]
    assert model["earlier"] is None


def test_the_model_of_the_version_before_is_measured_on_the_present_test_part(reports):
    """Thirty images later the report says so, and compares the first seed's models of both versions."""
    first, third = reports["r1"]["data"][0], reports["r3"]["data"][0]
    assert third["changes"]["previous"] == first["version"] != third["version"]
    assert third["changes"]["added"] > 0
    (model,) = reports["r3"]["datasets"][0]["models"]
    earlier = model["earlier"]
    assert (earlier["version"], earlier["present"], earlier["seed"]) == (first["version"], third["version"], 0)
    assert earlier["present_accuracy"] == model["replicates"][0]["accuracy"]
    counted = sum(earlier["test"][cell] for cell in ("both_right", "only_family", "only_reference", "both_wrong"))
    assert counted == third["counts"]["test"]
    assert [replicate["trained_in"] for replicate in model["replicates"]] == ["r3", "r3"]


def test_pictures_of_another_pillow_are_not_checked(reports, environment):
    """Another release of Pillow may code the same picture in other bytes: they are unchecked, not wrong."""
    store = open_store(environment["STORE"])
    comparison = Comparison.model_validate(reports["r1"])
    (section,) = comparison.data
    other = section.model_copy(
        update={"examples": tuple(strip.model_copy(update={"jpeg": "AAAA"}) for strip in section.examples)}
    )
    made_with = comparison.environment.model_copy(
        update={"renderer": comparison.environment.renderer | {"pillow": "1.0"}}
    )
    changed = comparison.model_copy(update={"data": (other,), "environment": made_with})
    documents = render(changed)
    for name, body in (documents | {CHECKSUMS: checksums(changed, documents)}).items():
        store.write(f"reports/r1/{name}", body)
    audit = verify_run(store, "r1")
    assert audit.findings == []
    assert "report.json: data: pictures: not made again: pillow 1.0 made them" in "\n".join(audit.unchecked)


def test_such_a_report_is_made_again(reports, environment, tmp_path):
    """`verify` makes pictures, the data's section and the earlier model's numbers again, with and without a store."""
    store = open_store(environment["STORE"])
    audit = verify_run(store, "r3")
    assert (audit.findings, audit.unchecked) == ([], [])
    for key in store.list("reports/r3/"):
        target = tmp_path / key.removeprefix("reports/r3/")
        target.parent.mkdir(exist_ok=True)
        store.download(key, target)
    assert (tmp_path / "predictions" / "photographs-ann-earlier.npz").exists()
    audit = verify_folder(tmp_path)
    assert (audit.findings, audit.unchecked) == ([], [])
    document = json.loads((tmp_path / "report.json").read_text())
    document["datasets"][0]["models"][0]["earlier"]["accuracy"] = 1
    (tmp_path / "report.json").write_text(json.dumps(document))
    assert "models[ann].earlier.accuracy" in "\n".join(verify_folder(tmp_path).findings)


def test_a_damaged_photograph_is_found(reports, environment):
    """`verify` reads the photographs of a run's version, names the one that has other bytes, and deletes nothing."""
    store = open_store(environment["STORE"])
    files = list(store.list("files/"))
    body = store.read(files[0])
    store.write(files[0], body[:-1] + b"?")
    (finding,) = (line for line in verify_run(store, "r3").findings if "files/" in line)
    assert files[0] in finding
    assert ".png" in finding or ".jpg" in finding
    assert list(store.list("files/")) == files
    store.write(files[0], body)
