"""Plan: one frozen request, or every reason why the run could not succeed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks import models
from tasks.errors import RequestError
from tasks.report.duration.estimate import read_estimate
from tasks.runs.records import read_record
from tasks.runs.requests import read_request, write_request
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages.feasibility import check
from tasks.stages.plan import Machine, plan
from tests.support.tiny_data import make_configuration


@pytest.fixture
def planned(tmp_path, store):
    """Plan the run `r` from JSON; `mirror` is the owner's."""
    folder = make_configuration(tmp_path / "config")
    return lambda text, mirror=None: plan(store, "r", parameters=text, config=folder, machine=Machine(mirror))


@pytest.fixture
def request_of(tmp_path):
    """The request of a run of the tiny CIFAR-10, with other settings of the dataset and of the run."""
    config = load_configuration(make_configuration(tmp_path / "config"))
    request = resolve(config, Parameters(profile="smoke", datasets=("cifar10",)), "r")

    def request_of(dataset=(), **run):
        changed = request.datasets[0].model_copy(update=dict(dataset))
        return request.model_copy(update={"datasets": (changed,)} | run)

    return request_of


@pytest.fixture
def family(tmp_path, monkeypatch):
    """Write a family's file, which is found beside ours."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])

    def family(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        return {"families": (name,)}

    return family


def test_the_estimate_is_said_and_kept_and_never_fails_a_run(planned, store, monkeypatch):
    """Without an earlier run the record says just that; a fault of the estimate is a line in the log, and no more."""
    planned('{"profile": "smoke"}')
    said = read_record(store, "r", Place(), "plan")["progress"]
    assert said.startswith("no earlier run of this profile on such a machine tells how long it will take; 0 of ")
    kept = read_estimate(store, "r")
    assert (kept.seconds, kept.reused) == (None, 0)
    assert f"0 of {kept.stages} stages" in said

    def broken(*_):
        raise ZeroDivisionError("a fault in the estimate")

    monkeypatch.setattr("tasks.stages.plan.estimate", broken)
    planned('{"profile": "smoke"}')
    record = read_record(store, "r", Place(), "plan")
    assert (record["status"], record["progress"]) == ("done", "no estimate")
    assert read_estimate(store, "r") == kept


def test_the_owners_mirror_is_taken_and_a_forms_folder_is_not(planned, store, tmp_path):
    """DATASET_MIRROR may be any folder; a folder in the form is refused, one below the owner's mirror is not."""
    with pytest.raises(RequestError, match="expected a public address"):
        planned(json.dumps({"mirror": str(tmp_path)}))
    planned(json.dumps({"mirror": str(tmp_path / "below")}), mirror=str(tmp_path))
    request = read_request(store, "r")
    assert (request.mirror, request.allowed_addresses) == (str(tmp_path / "below"), (str(tmp_path),))


def test_a_request_that_the_owner_froze_stands(planned, store):
    """`make run` writes the request itself, with its mirror; the run's `plan` keeps it: a mirror changes no result."""
    owners = planned("{}", mirror="http://10.0.0.1").model_copy(update={"run": "r2"})
    assert write_request(store, owners)
    assert not write_request(store, owners.model_copy(update={"mirror": None, "allowed_addresses": ()}))
    assert read_request(store, "r2").mirror == "http://10.0.0.1"


def test_a_used_id_keeps_its_request_and_refuses_another(planned, store):
    """The second of two different requests of one id is refused, with what differs and what to do; a retry is fine."""
    planned('{"profile": "smoke"}')
    frozen, records = store.read("runs/r/request.json"), list(store.list("runs/r/plan"))
    planned('{"profile": "smoke"}')
    with pytest.raises(
        RequestError, match=r"run r: .*training\.epochs: the store has \d+, this run asks for 77.*; start a new run"
    ) as caught:
        planned('{"profile": "smoke", "epochs": 77, "force": ["train"], "families": ["cnn"]}')
    assert "families.0: the store has 'ann', this run asks for 'cnn'" in str(caught.value)
    assert "force.0: the store has nothing, this run asks for 'train'" in str(caught.value)
    with pytest.raises(RequestError, match="profile: expected one of"):
        planned('{"profile": "huge"}')
    assert store.read("runs/r/request.json") == frozen
    assert read_record(store, "r", Place(), "plan")["status"] == "done"
    assert len(list(store.list("runs/r/plan"))) == len(records) + 1


def test_of_plans_that_race_under_one_id_one_has_it(planned, store):
    """However many different requests come at once, one is frozen, the others are refused, and the plan is done."""

    def outcome(epochs):
        try:
            return planned(json.dumps({"epochs": epochs})).training.epochs
        except RequestError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(1, 9)))
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert read_request(store, "r").training.epochs == winner
    assert all("start a new run" in outcome for outcome in outcomes if outcome != winner)
    assert read_record(store, "r", Place(), "plan")["status"] == "done"


def test_a_run_that_can_succeed_is_not_refused(request_of):
    """Both families, at a small budget and at the largest of all, for which nothing is allocated."""
    check(request_of(), None)
    check(request_of({"budget": 100_000_000}), None)


def test_a_budget_that_no_widths_meet_is_known_before_anything_is_spent(planned, store, tmp_path):
    """The family says for which dataset it cannot meet its budget, and which one it could; no request is left."""
    path = tmp_path / "config" / "datasets" / "cifar10.toml"
    path.write_text(path.read_text().replace("shape = [8, 8, 3]", "shape = [128, 128, 3]"))
    with pytest.raises(RequestError, match=r"^cifar10, ann: budget: expected at least 12,3\d\d .*, received 5,000$"):
        planned('{"profile": "smoke"}')
    assert not store.exists("runs/r/request.json")
    assert read_record(store, "r", Place(), "plan")["status"] == "failed"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "import nothing_of_that_name\n",
            "families: mine1 cannot be used: ModuleNotFoundError: No module named 'nothing",
        ),
        ("x = 1 / 0\n", "families: mine2 cannot be used: ZeroDivisionError: division by zero"),
        ("built = 1\n", "cifar10, mine3: AttributeError: .* has no attribute 'build'"),
        ("def build(hp): ...\n", "cifar10, mine4: TypeError: build.. takes 1 positional argument but 5 were given"),
        (
            "import keras\n"
            "def build(hp, shape, classes, budget, tricks):\n"
            "    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])\n",
            "cifar10, mine5: expected a model within 1 % of 5,000 parameters, received one of 579",
        ),
    ],
)
def test_a_family_that_cannot_work_is_known_before_anything_is_spent(request_of, family, text, complaint):
    """It cannot be imported, has no `build` of the right form, or builds a model of another size."""
    name = complaint.partition(":")[0].split()[-1] if complaint.startswith("cifar10") else complaint.split()[1]
    with pytest.raises(RequestError, match=complaint):
        check(request_of(**family(name, text)), None)


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        ({"depth": "2-2-2"}, "hyper-parameter: expected one of depths, .*; received 'depth'; did you mean depths"),
        ({"depths": "deep"}, "hyper-parameter depths: expected one of '1-2-2', .*, received 'deep'"),
        ({"dropout": 2.0}, "hyper-parameter dropout: expected a number from 0.0 to 0.2, received 2.0"),
        ({"learning_rate": True}, "hyper-parameter learning_rate: expected a number from 0.003 to 0.03, received True"),
    ],
)
def test_a_first_trial_outside_of_the_space_is_known_before_anything_is_spent(request_of, first, complaint):
    """Whether the name is none of the space, or the value; even where nothing can be built with it."""
    request = request_of()
    search = request.search.model_copy(update={"first": {"cnn": first}})
    with pytest.raises(RequestError, match=f"^cifar10, cnn: {complaint}"):
        check(request.model_copy(update={"search": search}), None)


def test_the_files_of_a_part_are_counted_before_they_are_fetched(request_of):
    """The format `idx` takes a file of images and a file of labels, and no third."""
    splits = request_of().datasets[0].splits.model_copy(update={"train": ("a", "b"), "test": ("c",)})
    with pytest.raises(RequestError, match=r"cifar10: splits.test: expected 2 files for the format idx, received 1"):
        check(request_of({"reader": "idx", "splits": splits}), None)


def test_a_training_beyond_the_machines_memory_is_refused(request_of):
    """Weights and one batch of images have to fit; where it is not known which machine trains, nobody guesses."""
    huge = request_of({"budget": 100_000_000, "shape": (1024, 1024, 3)})
    with pytest.raises(
        RequestError, match=r"fits into this machine's 1.0 GB, received one that takes more than 2.4 GB"
    ):
        check(huge, 10**9)
    check(request_of(), 10**9)


def test_a_backend_that_is_not_installed_is_known_before_anything_is_spent(request_of):
    """KERAS_BACKEND names a library that Keras knows, and that is there."""
    with pytest.raises(RequestError, match=r"KERAS_BACKEND: expected an installed library, received 'torch'"):
        check(request_of(backend="torch"), None)


def test_a_backend_that_keras_does_not_know_is_refused():
    """The message names those that it knows, and the nearest."""
    with pytest.raises(
        RequestError, match=r"KERAS_BACKEND: expected one of .*; received 'TensorFlow'; .* tensorflow\?"
    ):
        resolve(load_configuration(), Parameters(), "r", "TensorFlow")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reader": "folder"}, "cifar10: reader: expected a format of arrays, .* received 'folder'"),
        (
            {"shape": None, "splits": None, "image_size": (8, 8)},
            "cifar10: reader: expected a format of single images, .* received 'cifar'",
        ),
        ({"reader": "nobody_s"}, "cifar10: reader: expected a file of tasks/data/formats/, received 'nobody_s'"),
    ],
)
def test_a_format_of_the_other_kind_is_known_before_anything_is_spent(request_of, changes, words):
    """A format of single images beside `shape`, one of arrays beside `image_size`, and one that is not there."""
    with pytest.raises(RequestError, match=words):
        check(request_of(changes), None)
