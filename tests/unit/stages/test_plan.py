"""Plan: whatever JSON arrives, one clear line or one frozen request."""

import json

import pytest

from tasks.errors import RequestError
from tasks.runs.records import read_record
from tasks.runs.requests import read_request, write_request
from tasks.settings.place import Place
from tasks.stages.plan import plan
from tasks.storage.location import open_store
from tests.support.tiny_data import make_configuration


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def planned(tmp_path, store):
    """Plan the run `r` from JSON; `mirror` is the owner's."""
    folder = make_configuration(tmp_path / "config")
    return lambda text, mirror=None: plan(
        store, "r", parameters=text, config=folder, mirror=mirror, backend="tensorflow"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "nul", "[]", "7", '"x"', "null", "[" * 100_000, '{"a":' * 100_000, '{"epochs": ' + "9" * 5000 + "}",
        '{"epochs": NaN}', '{"epochs": 1e999}', '{"epochs": -1}', '{"datasets": "cifar10"}', '{"datasets": [[]]}',
        '{"datasets": ["\\ud800"]}', '{"\\ud800": 1}', '{"profile": "quick\\n"}', '{"profile": "../quick"}',
        '{"mirror": "/etc"}', '{"mirror": "file:///"}', '{"mirror": "http://[::1"}', '{"mirror": "\\u0000"}',
        '{"a\\nINFO all is well": 1}', '{"' + "x" * 5000 + '": 1}',
        '{"allowed_addresses": ["/"], "mirror": "/etc"}', '{"force": "{{ 1 }}"}', '{"__class__": "x"}',
    ],
)  # fmt: skip
def test_bad_json_is_one_clear_line_and_no_request(planned, store, text):
    """Broken, deep, huge, mistyped, hostile: exit code 64, and nothing is planned."""
    with pytest.raises(RequestError) as caught:
        planned(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert not store.exists("runs/r/request.json")
    assert read_record(store, "r", Place(), "plan")["status"] == "failed"


def test_the_owners_mirror_is_taken_and_a_forms_folder_is_not(planned, store, tmp_path):
    """DATASET_MIRROR may be any folder; a folder in the form is refused, one below the owner's mirror is not."""
    with pytest.raises(RequestError, match="expected a public address"):
        planned(json.dumps({"mirror": str(tmp_path)}))
    planned(json.dumps({"mirror": str(tmp_path / "below")}), mirror=str(tmp_path))
    request = read_request(store, "r")
    assert (request.mirror, request.allowed_addresses) == (str(tmp_path / "below"), (str(tmp_path),))


def test_a_request_that_the_owner_froze_stands(planned, store):
    """`make run` writes the request itself, with its mirror; the run's `plan` keeps it."""
    owners = planned("{}", mirror="http://10.0.0.1").model_copy(update={"run": "r2"})
    assert write_request(store, owners)
    assert not write_request(store, owners.model_copy(update={"mirror": None}))
    assert read_request(store, "r2").mirror == "http://10.0.0.1"
