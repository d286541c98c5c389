"""Plan: whatever JSON arrives, one clear line, and no request."""

import pytest

from tasks.errors import RequestError
from tasks.runs.records import read_record
from tasks.settings.place import Place
from tasks.stages.plan import Machine, plan
from tests.support.tiny_data import make_configuration


@pytest.fixture
def planned(tmp_path, store):
    """Plan the run `r` from JSON."""
    folder = make_configuration(tmp_path / "config")
    return lambda text: plan(store, "r", parameters=text, config=folder, machine=Machine())


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
