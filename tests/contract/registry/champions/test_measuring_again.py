"""Models measured again on a test part that is not their own: the same answers as `evaluate` gives, kept once."""

import json

import pytest

from tasks.registry.champions.answers.measured import CommonPart, kept, measure
from tasks.registry.champions.answers.published import published, told
from tasks.registry.champions.candidates import candidate_of
from tasks.registry.trained import MODEL_FILES
from tasks.runs.companion import Answers, NoAnswerError
from tasks.storage.artifacts import commit, find, materialized
from tasks.storage.documents import DamagedError
from tests.support.published_runs import opened
from tests.support.real_run import make_environment, make_run

RUN, DATASET = "once", "cifar10"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a real run of one seed."""
    environment = make_environment(tmp_path_factory.mktemp("measured"))
    make_run(environment, RUN)
    return opened(environment)


def test_measured_answers_are_those_of_evaluate_and_are_kept(store):
    """On the same images the models answer the same; a second call measures nothing, and damage is seen."""
    named = candidate_of(store, RUN, DATASET)
    part, said = CommonPart("p" * 40, RUN, named.artifacts["normalize"]), []
    key = measure(store, named, part, "tensorflow", said.append)
    assert said == [f"measuring the {named.family} of run {RUN} again, on the present test part"]
    own = published(store, told(store, named))
    again = kept(store, key, named)
    assert (again.labels == own.labels).all()
    assert (again.predicted == own.predicted).all()

    said.clear()
    assert measure(store, named, part, "tensorflow", said.append) == key
    assert said == [f"the answers of run {RUN} on the present test part are there already: {key}"]
    assert measure(store, named, part._replace(digest="q" * 40), "tensorflow", said.append) != key

    (file,) = (each for each in store.list(f"artifacts/judge/{key}/") if each.endswith(".npz"))
    store.write(file, store.read(file)[:-1] + b"!")
    with pytest.raises(DamagedError, match=rf"{file}: expected SHA-256"):
        kept(store, key, named)


def test_a_process_that_died_may_be_tried_again(store, monkeypatch):
    """It had too little memory, say. The error names neither the store nor the data, and nothing is kept."""
    killed = Answers([], "its process ended with -9")
    monkeypatch.setattr("tasks.registry.champions.answers.measured.answers", lambda *arguments: killed)
    named, before = candidate_of(store, RUN, DATASET), list(store.list("artifacts/judge/"))
    part = CommonPart("k" * 40, RUN, named.artifacts["normalize"])
    with pytest.raises(NoAnswerError, match="its process ended with -9; try again") as raised:
        measure(store, named, part, "tensorflow", lambda _: None)
    assert raised.value.exit_code == 1
    assert list(store.list("artifacts/judge/")) == before


def test_a_model_that_the_present_code_cannot_build_has_no_answers(store):
    """Its family may have changed since."""
    named = candidate_of(store, RUN, DATASET)
    part = CommonPart("r" * 40, RUN, named.artifacts["normalize"])
    stale = named.model_copy(update={"artifacts": named.artifacts | {"train/seed-0": _of_another_size(store, named)}})
    assert measure(store, stale, part, "tensorflow", lambda _: None) is None


def _of_another_size(store, named) -> str:
    """The key of a copy of the first model that says another number of parameters."""
    manifest = find(store, "train", named.artifacts["train/seed-0"])
    with materialized(store, manifest, MODEL_FILES) as folder:
        path = folder / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"parameters": 7}), encoding="utf-8")
        return commit(store, "train", "0" * 40, folder, {}, {}).key
