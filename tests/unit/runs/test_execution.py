"""The execution of a stage: what is reused, what is made, what is recorded."""

from dataclasses import replace

import pytest

from tasks.errors import DataError, NotAskedForError, OutOfMemoryError, RequestError
from tasks.runs import execution
from tasks.runs.records import input_manifest, read_record, read_records
from tasks.runs.stage import Input, Stage
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.settings.values import Frozen
from tasks.storage import provenance
from tasks.storage.artifacts import find_whole, read_file
from tasks.storage.documents import DamagedError
from tests.support.tiny_data import make_configuration

PLACE = Place("cifar10", "cnn", 0)


class Settings(Frozen):
    seed: int


@pytest.fixture
def request_of(tmp_path):
    config = load_configuration(make_configuration(tmp_path / "config"))
    return lambda run, **params: resolve(config, Parameters(profile="smoke", **params), run)


def stage(calls, body=b"result", error=None):
    """A stage of one file that notes its calls; it stands under the name of a real one, whose code keys it."""

    def run(work):
        calls.append(work.settings.seed)
        if error:
            raise error
        work.progress("half way")
        (work.output / "a.bin").write_bytes(body)
        return {"size": len(body)}

    return Stage("train", lambda request, place: Settings(seed=place.seed), lambda request, place: {}, run)


def test_a_second_run_reuses_what_the_first_made_and_says_so(store, request_of):
    """The same settings, inputs and code are never worked for twice, whatever the run's name."""
    calls = []
    first = execution.execute(stage(calls), request_of("r1"), PLACE, store)
    second = execution.execute(stage(calls), request_of("r2"), PLACE, store)
    assert (first, calls) == (second, [0])
    records = [read_record(store, run, PLACE, "train") for run in ("r1", "r2")]
    assert [(record["status"], record["cached"]) for record in records] == [("done", False), ("done", True)]
    assert records[0]["progress"] == "half way"


def test_a_record_says_what_the_work_took_of_processors(store, request_of):
    """CPU seconds and GPUs of work that is done or failed; what is reused held none, whatever the machine has."""
    on_two, failing = (replace(stage([], error=error), gpus=lambda: 2) for error in (None, DataError("no")))
    for run in ("r1", "r2"):
        execution.execute(on_two, request_of(run), PLACE, store)
    with pytest.raises(DataError):
        execution.execute(failing, request_of("r3", force=True), PLACE, store)
    records = [read_record(store, run, PLACE, "train") for run in ("r1", "r2", "r3")]
    assert [record["gpus"] for record in records] == [2, 0, 2]
    assert all(record["cpu_seconds"] > 0 for record in records)


def test_force_works_again_but_a_retry_of_the_forced_run_does_not(store, request_of):
    """A forced run never takes an earlier run's result; a second attempt of it takes its own."""
    calls = []
    execution.execute(stage(calls), request_of("r1"), PLACE, store)
    for _ in range(2):
        execution.execute(stage(calls), request_of("r2", force=True), PLACE, store)
    assert calls == [0, 0]


def test_another_minor_release_of_a_library_is_other_work(store, request_of, monkeypatch):
    """After an upgrade that can change numbers the stage is done again; a patch release reuses its result."""
    calls = []
    for number, release in enumerate(("3.15.0", "3.15.9", "3.16.0")):
        monkeypatch.setattr(provenance.metadata, "version", lambda name, release=release: release)
        made = execution.execute(stage(calls), request_of(f"r{number}"), PLACE, store)
    assert calls == [0, 0]
    assert made.made["libraries"]["keras"] == "3.16"


def test_one_stage_can_be_forced_alone(store, request_of):
    """Only the stages that `force` names are done again; the others are reused."""
    calls = []
    execution.execute(stage(calls), request_of("r1"), PLACE, store)
    execution.execute(stage(calls), request_of("r2", force=["search"]), PLACE, store)
    assert calls == [0]
    execution.execute(stage(calls), request_of("r3", force=["train", "search"]), PLACE, store)
    assert calls == [0, 0]


def test_a_damaged_artifact_is_made_again(store, request_of, tmp_path):
    """Reuse verifies the objects, not just the manifest: a cut file means work, and the artifact is whole after it."""
    calls = []
    manifest = execution.execute(stage(calls), request_of("r1"), PLACE, store)
    (tmp_path / "store" / manifest.files["a.bin"].object).write_bytes(b"res")
    again = execution.execute(stage(calls, b"other result"), request_of("r2"), PLACE, store)
    assert calls == [0, 0]
    assert find_whole(store, "train", again.key) == again


def test_an_artifact_under_anothers_key_is_made_again(store, request_of):
    """After two manifests were exchanged in the store, a run reuses neither of them as the other."""
    places = [Place("cifar10", "ann", 0), Place("cifar10", "cnn", 1)]
    bodies = dict(zip(places, (b"of the ANN", b"of the CNN"), strict=True))
    first = [execution.execute(stage([], bodies[place]), request_of("r1"), place, store) for place in places]
    keys = [f"artifacts/train/{manifest.key}/manifest.json" for manifest in first]
    manifests = [store.read(key) for key in keys]
    for key, manifest in zip(keys, reversed(manifests), strict=True):
        store.write(key, manifest)
    for place in places:
        calls = []
        again = execution.execute(stage(calls, bodies[place]), request_of("r2"), place, store)
        assert (calls, read_file(store, again, "a.bin")) == ([place.seed], bodies[place])


def test_an_exchanged_manifest_is_no_input(store, request_of):
    """A stage whose input's manifest is another artifact's ends with 65 and says which one stands there."""
    for seed in (0, 1):
        execution.execute(stage([]), request_of("r1"), Place("cifar10", "cnn", seed), store)
    records = [read_record(store, "r1", Place("cifar10", "cnn", seed), "train") for seed in (0, 1)]
    keys = [f"artifacts/train/{record['key']}/manifest.json" for record in records]
    store.write(keys[0], store.read(keys[1]))
    with pytest.raises(DamagedError, match=rf"expected the manifest of train/{records[0]['key']}"):
        input_manifest(store, "r1", Input("train", Place("cifar10", "cnn", 0), ("a.bin",)))


def test_a_failed_stage_records_its_reason_and_leaves_no_artifact(store, request_of):
    """The report can name the gap: status, and the error in one line."""
    with pytest.raises(DataError):
        execution.execute(stage([], error=DataError("expected 1\nreceived 2")), request_of("r1"), PLACE, store)
    record = read_record(store, "r1", PLACE, "train")
    assert (record["status"], record["error"]) == ("failed", "DataError: expected 1")
    assert not list(store.list("artifacts/"))


def test_a_record_holds_no_secret_that_an_error_names(store, request_of):
    """What a library says of an address is recorded without the password in it, also where the reason is cut."""
    for address in ("http://me:hunter2@proxy", f"http://{'x' * 960}:hunter2@proxy"):
        with pytest.raises(OSError, match="cannot connect"):
            execution.execute(stage([], error=OSError(f"cannot connect to {address}")), request_of("r1"), PLACE, store)
        record = read_record(store, "r1", PLACE, "train")
        assert record["error"] == "OSError: cannot connect to http://***@proxy"


def test_a_place_outside_the_request_is_skipped_and_a_missing_option_is_an_error(store, request_of):
    """What the run does not ask for exits as skipped, before anything is recorded."""
    request = request_of("r1", datasets=("cifar10",))
    with pytest.raises(NotAskedForError):
        execution.execute(stage([]), request, Place("fashion_mnist", "cnn", 0), store)
    with pytest.raises(NotAskedForError):
        execution.execute(stage([]), request, Place("cifar10", "cnn", 99), store)
    with pytest.raises(RequestError, match="expected --family, received none"):
        execution.execute(stage([]), request, Place("cifar10"), store)
    assert read_records(store, "r1") == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3.2 GiB"),
        type("ResourceExhaustedError", (RuntimeError,), {})("OOM when allocating tensor of 3.2 GiB"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 3.2 GiB"),
    ],
)
def test_a_lack_of_memory_is_an_error_of_its_own(store, request_of, error):
    """Whatever a library calls it, and whatever it caused, its exit code says so and its reason has the numbers."""
    broken = RuntimeError("trial 1/2 broke")
    broken.__cause__ = error
    for number, raised in enumerate((error, broken)):
        with pytest.raises(OutOfMemoryError, match=r"train: out of memory: .*3.2 GiB") as caught:
            execution.execute(stage([], error=raised), request_of(f"r{number}"), PLACE, store)
        assert caught.value.exit_code == 75


def test_a_gpu_that_is_not_seen_is_an_error_before_the_work(store, request_of):
    """What was given a GPU trains on one or not at all; what is reused needs none."""
    calls = []
    for seen, run in ((0, "r1"), (1, "r2"), (0, "r3")):
        of_machine = replace(stage(calls), gpus=lambda seen=seen: seen)
        if run == "r1":
            with pytest.raises(RequestError, match=r"expected a GPU .* tensorflow sees none"):
                execution.execute(of_machine, request_of(run), PLACE, store, expects_gpu=True)
            assert calls == []
        else:
            execution.execute(of_machine, request_of(run), PLACE, store, expects_gpu=True)
    assert calls == [0]
