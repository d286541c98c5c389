"""The training as a stage: what it learns from where each replicate has a split, or a search, of its own."""

import json
from functools import partial

import numpy as np
import pytest

from tasks.runs.meter import Meter
from tasks.storage.location import open_store
from tests.support.lazy import Lazy
from tests.support.stage_commands import speaking
from tests.support.tiny_data import make_configuration, make_mirror

loop = Lazy("tasks.learning.loop")
watch = Lazy("tasks.learning.loops.watch")
PARAMETERS = {"profile": "smoke", "datasets": ["cifar10"], "trials": 1, "epochs": 1}


@pytest.fixture
def command(request, tmp_path, caplog):
    """Run one stage by its command, in this process; replicates differ in their split too, or in what is asked for."""
    config = make_configuration(tmp_path / "config")
    workflow = config / "workflow.toml"
    start = "[profiles.smoke.training]\n"
    vary = getattr(request, "param", ["seed", "split"])
    workflow.write_text(workflow.read_text().replace(start, f"{start}vary = {json.dumps(vary)}\n"))
    return speaking(
        {
            "STORE": (tmp_path / "store").as_uri(),
            "DATASET_MIRROR": str(make_mirror(tmp_path / "mirror")),
            "WORKFLOW_CONFIG": str(config),
            "RUN_PARAMETERS": json.dumps(PARAMETERS),
        },
        caplog,
    )


@pytest.fixture
def learned(command, monkeypatch):
    """Train a replicate; the images and labels of the two parts that the training got."""
    own, seen = loop.fit, []

    def fit(build, train, validation, *arguments):
        seen[:] = [(np.asarray(part[0][:]), np.asarray(part[1])) for part in (train, validation)]
        return own(build, train, validation, *arguments)

    monkeypatch.setattr(loop, "fit", fit)

    def train(family, seed):
        place = ("--dataset", "cifar10", "--family", family)
        for stage in ("search", "choose", "train"):
            more = {"search": ("--shard", "0"), "train": ("--seed", str(seed))}.get(stage, ())
            assert command(stage, "--run", "r", *place, *more).code == 0, stage
        return list(seen)

    return train


def same(one, other):
    """Whether two pairs of parts have the same images and labels, in the same order."""
    arrays = zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in arrays)


def test_under_one_seed_both_families_learn_from_one_split_and_under_another_from_another(command, learned, tmp_path):
    """Real trainings of both families. The test part is what it was, and the report names what varied."""
    for stage in ("plan", "fetch", "normalize"):
        assert command(stage, "--run", "r", *(() if stage == "plan" else ("--dataset", "cifar10"))).code == 0
    ann, cnn, other = learned("ann", 0), learned("cnn", 0), learned("cnn", 1)
    assert same(ann, cnn)
    assert not same(cnn, other)
    assert [len(part[1]) for part in ann] == [len(part[1]) for part in other]
    store = open_store((tmp_path / "store").as_uri())
    (manifest,) = [key for key in store.list("artifacts/normalize/") if key.endswith("manifest.json")]
    test = next(key for key in store.list(manifest.removesuffix("manifest.json")) if key.endswith("test-images.npy"))
    images = {image.tobytes() for image in np.load(tmp_path / "store" / test)}
    assert not images & {image.tobytes() for part in (*ann, *other) for image in part[0]}


@pytest.mark.parametrize("command", [["seed", "split", "search"]], indirect=True)
def test_each_replicate_is_trained_with_what_its_own_search_chose(command, tmp_path):
    """Real searches and trainings: a search has its replicate's seed and split, and no other seed's is waited for."""
    for stage in ("plan", "fetch", "normalize"):
        assert command(stage, "--run", "r", *(() if stage == "plan" else ("--dataset", "cifar10"))).code == 0
    place = ("--run", "r", "--dataset", "cifar10", "--family", "ann")
    for seed in ("0", "1"):
        for stage, more in (("search", ("--shard", "0")), ("choose", ()), ("train", ())):
            assert command(stage, *place, "--seed", seed, *more).code == 0, stage
    assert command("choose", *place).code == 64
    store = open_store((tmp_path / "store").as_uri())
    made = [
        [json.loads(store.read(key)) for key in store.list(f"artifacts/{stage}/") if key.endswith("manifest.json")]
        for stage in ("search", "choose", "train")
    ]
    searches, choices, trainings = ({each["made"]["place"]: each["made"] for each in stage} for stage in made)
    for seed in (0, 1):
        settings = searches[f"cifar10/ann/seed-{seed}/shard-0"]["settings"]
        assert (settings["seed"], settings["split"]) == (seed, seed)
        choice = next(each for each in made[1] if each["made"]["place"] == f"cifar10/ann/seed-{seed}")
        parents = trainings[f"cifar10/ann/seed-{seed}"]["parents"]
        assert parents["choice"] == f"choose/{choice['key']}"
    assert len(choices) == 2


def test_a_training_on_a_gpu_has_no_energy(command, learned, monkeypatch, tmp_path):
    """The counter of the processors alone would be a small share of what such a training takes."""
    monkeypatch.setattr(watch, "Meter", partial(Meter, counters(tmp_path)))
    for stage in ("plan", "fetch", "normalize"):
        assert command(stage, "--run", "r", *(() if stage == "plan" else ("--dataset", "cifar10"))).code == 0
    for seed in (0, 1):
        monkeypatch.setattr("tasks.learning.cost.devices.gpus", lambda: seed)  # noqa: B023
        learned("ann", seed)
    files = (tmp_path / "store" / "artifacts" / "train").rglob("metrics.json")
    found = sorted((metrics["seed"], metrics["gpus"], metrics["energy_joules"]) for metrics in map(read, files))
    assert found == [(0, 0, 0.0), (1, 1, None)]


def read(file):
    return json.loads(file.read_text())


def counters(folder):
    """The energy counter of one processor, which stands still."""
    package = folder / "counters" / "intel-rapl:0"
    package.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "7"), ("max_energy_range_uj", "9")):
        (package / name).write_text(text)
    return package.parent
