"""The join: damage in the store costs the results that it touches, and no others."""

import json
import resource
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.report.collection import collect
from tasks.report.verification import verify_run
from tasks.runs.order import LATEST
from tasks.runs.records import Record, read_record, read_records, recorded
from tasks.runs.requests import write_request
from tasks.settings.place import Place
from tasks.stages.report import report
from tasks.storage.artifacts import commit, find
from tasks.storage.contract import StoreError
from tasks.storage.folder import FileStore
from tasks.storage.location import open_store
from tests.support import synthetic
from tests.support.stage_commands import speaking

REQUEST = synthetic.request((synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST")), replicates=2)
DATA, SHARD, SEED = Place("cifar10"), Place("cifar10", "cnn", shard=0), Place("cifar10", "cnn", 1)
FAMILY = Place("cifar10", "cnn")
IMAGES = {"test-images.npy": np.zeros((2000, 32, 32, 3), np.uint8)}


@pytest.fixture
def store(tmp_path):
    """What the stages of a run leave, from normalize to evaluate, for two datasets and two families."""
    store = open_store((tmp_path / "store").as_uri())
    write_request(store, REQUEST)
    for dataset in REQUEST.datasets:
        leave(store, Place(dataset.name), "normalize", IMAGES, summary=synthetic.facts(REQUEST)[dataset.name])
        for family in REQUEST.families:
            leave_branch(store, synthetic.branch(REQUEST, dataset, family, examples=50))
    return store


def leave_branch(store, branch):
    place = Place(branch.dataset, branch.family, budget=branch.budget)
    for search in branch.searches:
        own = replace(place, seed=search.seed)
        leave(store, replace(own, shard=0), "search", {}, settings=search.settings)
        leave(store, own, "choose", {"trials.json": search.trials, "best.json": search.best})
    evaluations = [replicate.evaluation for replicate in branch.replicates]
    files = {"metrics.json": {"replicates": evaluations, "nearest_centroid": branch.nearest_centroid}}
    for one in branch.replicates:
        trained = {"metrics.json": one.training, "history.json": one.history}
        leave(
            store,
            replace(place, seed=one.seed),
            "train",
            trained,
            settings=one.settings,
            inputs={"data": one.learned_from},
        )
        files[f"seed-{one.seed}.npz"] = {"y_true": one.y_true, "y_pred": one.y_pred, "y_prob": of_confidence(one)}
    leave(store, place, "evaluate", files, inputs={"data": branch.replicates[0].measured_on})


def of_confidence(one, classes=10):
    """Probabilities [n, classes] with the answers and the confidence of a replicate."""
    probabilities = np.repeat((1 - one.confidence[:, None]) / (classes - 1), classes, axis=1)
    np.put_along_axis(probabilities, one.y_pred[:, None].astype(int), one.confidence[:, None], axis=1)
    return probabilities


def leave(store, place, stage, files, summary=None, **made):
    """The artifact of one stage at one place, JSON or arrays by the files' names, and the record of it."""
    folder = Path(unquote(urlsplit(store.uri).path)).parent / "made" / str(place) / stage
    folder.mkdir(parents=True)
    for name, content in files.items():
        if name.endswith(".npz"):
            np.savez(folder / name, **content)
        elif name.endswith(".npy"):
            np.save(folder / name, content)
        else:
            (folder / name).write_text(json.dumps(content))
    with recorded(store, REQUEST.run, place, stage) as record:
        key = record.fields["key"] = f"{place}".replace("/", "-")
        commit(store, stage, key, folder, {"run": REQUEST.run} | made, summary or {})


def object_of(store, place, stage, name):
    """The key of one stored file of an artifact, its manifest included."""
    key = read_record(store, REQUEST.run, place, stage)["key"]
    return f"artifacts/{stage}/{key}/{name}" if name == "manifest.json" else find(store, stage, key).files[name].object


def models(store):
    """Status and error of every row of the report, by dataset and family."""
    document = json.loads(store.read(f"reports/{REQUEST.run}/report.json"))
    return {f"{d['name']}/{m['family']}": (m["status"], m["error"]) for d in document["datasets"] for m in d["models"]}


def flip(store, key):
    whole = store.read(key)
    store.write(key, whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])


def test_families_that_disagree_on_the_nearest_centroid_are_a_finding(tmp_path):
    """It is no family's: every evaluation of a dataset has found the same, and `verify` says where one has not."""
    asked = synthetic.request(replicates=2).model_copy(update={"run": REQUEST.run})
    store = open_store((tmp_path / "store").as_uri())
    write_request(store, asked)
    leave(store, DATA, "normalize", IMAGES, summary=synthetic.facts(asked)["cifar10"])
    ann, cnn = synthetic.everything(asked, examples=50)
    leave_branch(store, ann)
    leave_branch(store, replace(cnn, nearest_centroid=0.9))
    report(asked, store)
    found = "\n".join(verify_run(store, asked.run).findings)
    assert "evaluate: cifar10: cnn: nearest_centroid: expected 0.28, received 0.9" in found


@pytest.mark.parametrize("harm", [flip, FileStore.delete])
@pytest.mark.parametrize(
    ("place", "stage", "name"), [(SHARD, "search", "manifest.json"), (SEED, "train", "history.json")]
)
def test_a_damaged_artifact_is_one_named_gap(store, place, stage, name, harm):
    """What is flipped or gone costs its own row, which says what it was; the others have their results.

    The stage fails after it has written that, and publishes nothing of the broken branch.
    """
    harm(store, object_of(store, place, stage, name))
    with pytest.raises(DataError, match="the report is written, without cifar10/cnn: damaged: "):
        report(REQUEST, store)
    rows = models(store)
    status, error = rows.pop("cifar10/cnn")
    assert (status, {found for found, _ in rows.values()}, len(rows)) == ("failed", {"done"}, 3)
    assert all(part in error for part in ("damaged: ", stage, read_record(store, REQUEST.run, place, stage)["key"]))
    assert json.loads(store.read(LATEST)) == {"run": REQUEST.run, "status": "partial"}
    published = [key.rpartition("/")[2] for key in store.list(f"reports/{REQUEST.run}/predictions/")]
    assert len(published) == 6
    assert not any("cifar10-cnn" in name for name in published)


@pytest.mark.parametrize(
    ("place", "stage", "name"),
    [
        (FAMILY, "choose", "trials.json"),
        (FAMILY, "choose", "best.json"),
        (SEED, "train", "manifest.json"),
        (SEED, "train", "metrics.json"),
        (FAMILY, "evaluate", "manifest.json"),
        (FAMILY, "evaluate", "metrics.json"),
        (FAMILY, "evaluate", "seed-1.npz"),
    ],
)
def test_every_file_that_the_report_reads_is_such_an_artifacts(store, place, stage, name):
    """Wherever on the way to a family's results the damage is, it is the reason of that family and of no other."""
    flip(store, object_of(store, place, stage, name))
    branches = collect(REQUEST, read_records(store, REQUEST.run), store, lambda _: None, lambda *_: None)
    damaged = {(branch.dataset, branch.family): branch.error for branch in branches if branch.damaged}
    assert list(damaged) == [("cifar10", "cnn")]
    assert f" artifacts/{stage}/" in damaged["cifar10", "cnn"]
    assert [branch.status for branch in branches].count("done") == 3


def test_an_artifact_that_is_whole_again_is_reported_again(store):
    """The next report has no gap, and is complete."""
    key = object_of(store, FAMILY, "evaluate", "metrics.json")
    whole = store.read(key)
    flip(store, key)
    with pytest.raises(DataError):
        report(REQUEST, store)
    store.write(key, whole)
    report(REQUEST, store)
    assert {found for found, _ in models(store).values()} == {"done"}
    assert json.loads(store.read(LATEST))["status"] == "complete"


def test_a_damaged_record_is_its_branchs_gap(store):
    """A record that cannot be read costs its own row, which names it; the stage fails, as no other task says so."""
    record = f"runs/{REQUEST.run}/{SEED}/train.json"
    store.write(record, b"{")
    with pytest.raises(DataError, match="the report is written, without cifar10/cnn: train of seed 1: damaged: "):
        report(REQUEST, store)
    status, error = models(store).pop("cifar10/cnn")
    assert (status, "expected the record of a stage" in error) == ("failed", True)
    assert [found for found, _ in models(store).values()].count("done") == 3
    assert json.loads(store.read(LATEST)) == {"run": REQUEST.run, "status": "partial"}


def test_damage_of_a_datasets_facts_is_its_families_gap(store):
    """What normalize left is behind every model of the dataset: without it that dataset has no result, others have."""
    store.write(object_of(store, DATA, "normalize", "manifest.json"), b"{}")
    with pytest.raises(DataError, match=r"without cifar10/ann, cifar10/cnn: damaged: .*normalize"):
        report(REQUEST, store)
    assert [status for status, _ in models(store).values()] == ["failed", "failed", "done", "done"]


def test_a_seed_that_is_not_done_any_more_is_its_branchs_gap(store):
    """A training that was started again after the evaluation, and failed, is named; no damage, no failure."""
    with pytest.raises(MemoryError), recorded(store, REQUEST.run, SEED, "train"):
        raise MemoryError("no room")
    report(REQUEST, store)
    rows = models(store)
    assert rows.pop("cifar10/cnn") == ("failed", "train of seed 1: MemoryError: no room")
    assert {status for status, _ in rows.values()} == {"done"}


def test_a_failed_fetch_is_one_reason_without_the_path_of_the_mirror(store, tmp_path):
    """Nothing in the report names the mirror's folder or the store's; the reason stands once in every verdict."""
    request = REQUEST.model_copy(update={"mirror": str(tmp_path / "mirror")})
    with pytest.raises(DataError), recorded(store, request.run, DATA, "fetch"):
        raise DataError(f"{request.mirror}/m/a.bin: expected 3 bytes, received 2")
    for stage in ("normalize", "evaluate"):
        for place in (DATA,) if stage == "normalize" else (FAMILY, replace(FAMILY, family="ann")):
            with pytest.raises(DataError), recorded(store, request.run, place, stage):
                raise DataError(f"{store.uri}/runs/x: none")
    report(request, store)
    texts = {
        name: store.read(f"reports/{request.run}/report.{name}").decode() for name in ("json", "html", "md", "csv")
    }
    assert not [name for name, text in texts.items() if str(tmp_path) in text]
    said = json.loads(texts["json"])["datasets"][0]["verdict"]
    assert said.count("m/a.bin: expected 3 bytes, received 2") == 1
    assert "The ANN and the CNN have no result: fetch: DataError: m/a.bin" in said


class Overtaken(FileStore):
    """A store that begins a newer attempt of the report when an attempt comes to read what was measured."""

    def download(self, key, *arguments, **options):
        """See Store."""
        if "/evaluate/" in key and not self.exists(f"runs/{REQUEST.run}/report.2.json"):
            Record(self, REQUEST.run, Place(), "report")
        super().download(key, *arguments, **options)


def test_an_attempt_that_was_overtaken_writes_nothing_that_others_read(store, tmp_path):
    """No document, no predictions and no word of a latest report: these are the newer attempt's."""
    with pytest.raises(StoreError, match="report: attempt 2 has begun; attempt 1 leaves the rest to it"):
        report(REQUEST, Overtaken(tmp_path / "store"))
    assert list(store.list("reports/")) == []


def test_every_budget_is_a_branch_of_its_own(tmp_path):
    """A family's results are those of the budget under which they stand; one that failed there is a gap there alone."""
    store = open_store((tmp_path / "store").as_uri())
    request = synthetic.request(replicates=2, budgets=(5_000, 30_000))
    leave(store, DATA, "normalize", IMAGES, summary=synthetic.facts(request)["cifar10"])
    for branch in synthetic.frontier(request, ann=(0.4, 0.6), cnn=(0.5, 0.7)):
        leave_branch(store, branch)
    with pytest.raises(MemoryError), recorded(store, request.run, Place("cifar10", "cnn", budget=30_000), "evaluate"):
        raise MemoryError("no room")
    report(request, store)
    document = json.loads(store.read(f"reports/{request.run}/report.json"))
    rows = {(part["budget"], model["family"]): model for part in document["datasets"] for model in part["models"]}
    gap = rows.pop((30_000, "cnn"))
    assert (gap["status"], gap["error"]) == ("failed", "evaluate: MemoryError: no room")
    assert {where: model["status"] for where, model in rows.items()} == dict.fromkeys(rows, "done")
    assert rows[30_000, "ann"]["accuracy"] > rows[5_000, "cnn"]["accuracy"] > rows[5_000, "ann"]["accuracy"]
    published = {key.rpartition("/")[2] for key in store.list(f"reports/{request.run}/predictions/")}
    places = [("ann", 5_000), ("ann", 30_000), ("cnn", 5_000)]
    assert published == {f"cifar10-{f}-budget-{b}-seed-{seed}.npz" for f, b in places for seed in (0, 1)}


def test_the_command_says_so_and_ends_with_65(store, caplog):
    """Airflow fails the task at once, and so the run: no retry can mend what is stored."""
    store.delete(object_of(store, FAMILY, "evaluate", "metrics.json"))
    said = speaking({"STORE": store.uri}, caplog)("report", "--run", REQUEST.run)
    assert said.code == 65
    assert "report: the report is written, without cifar10/cnn: damaged: " in said.output.splitlines()[-1]
    assert store.exists(f"reports/{REQUEST.run}/report.html")


@contextmanager
def files_of_at_most(size):
    """The kernel refuses to let a file of this process grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wrong_pictures(store):
    """What a verification that makes the report again finds wrong with the sections on the data."""
    findings = verify_run(store, REQUEST.run).findings
    assert not [line for line in findings if "was not made again from its artifacts" in line]
    return [line for line in findings if " data[" in line or "pictures" in line]


def test_a_disk_without_room_for_the_images_costs_the_pictures_only(store, caplog):
    """The report has every result, says why it has no pictures, and agrees with its artifacts; so does the next one."""
    said = "There are no pictures of CIFAR-10 here: the disk had no room for its images"
    document, page = (f"reports/{REQUEST.run}/report.{kind}" for kind in ("json", "html"))
    with files_of_at_most(4_000_000):
        report(REQUEST, store)
    assert "the report has no pictures of cifar10: File too large" in caplog.text
    assert json.loads(store.read(LATEST))["status"] == "complete"
    whole = json.loads(store.read(document))
    assert [(each["no_room"], each["mistaken"]) for each in whole["data"]] == [(True, []), (True, [])]
    assert store.read(page).decode().count(said) == 2
    assert wrong_pictures(store) == []
    report(REQUEST, store)
    assert said not in store.read(page).decode()
    assert all(each["mistaken"] for each in json.loads(store.read(document))["data"])
    assert wrong_pictures(store) == []


def test_pictures_beside_the_remark_that_there_are_none_are_found(store):
    """Whoever puts other pictures into a report cannot excuse them with a full disk."""
    report(REQUEST, store)
    key = f"reports/{REQUEST.run}/report.json"
    whole = json.loads(store.read(key))
    whole["data"][0]["no_room"] = True
    store.write(key, json.dumps(whole).encode())
    assert " data[cifar10].mistaken[0].jpeg: expected nothing" in "\n".join(wrong_pictures(store))


class Counting(FileStore):
    """A folder that counts how often each object is read as a file."""

    def __init__(self, folder):
        super().__init__(folder)
        self.reads = Counter()

    def download(self, key, path, *more):
        """See Store."""
        self.reads[key.rpartition("/")[2]] += 1
        super().download(key, path, *more)


def test_a_verification_reads_the_test_part_once(store):
    """The images that are verified are those that the pictures are made of again; they may be many."""
    report(REQUEST, store)
    counting = Counting(Path(unquote(urlsplit(store.uri).path)))
    assert wrong_pictures(counting) == []
    assert counting.reads["test-images.npy"] == len(REQUEST.datasets)
