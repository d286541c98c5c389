"""The probe of a store: one that cannot tell the first writer from the second is refused before anything is spent."""

import pytest

from tasks.errors import RequestError
from tasks.local import workflow
from tasks.storage.contract import Store, require_conditional_writes
from tasks.storage.location import open_store
from tests.support.fault_proxy import fault_proxy, without_conditions
from tests.support.stage_commands import speaking
from tests.support.tiny_data import make_configuration


@pytest.fixture
def ignoring(s3_environment, monkeypatch: pytest.MonkeyPatch):
    """The address of a store behind a gateway that ignores If-None-Match; the environment leads to it."""
    with fault_proxy(s3_environment.environment["AWS_ENDPOINT_URL_S3"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.address)
        proxy.plan("PUT", *[without_conditions(s3_environment.environment)] * 50)
        yield f"{s3_environment.uri}/ignoring"


def test_a_store_that_keeps_its_promise_passes_and_is_left_as_it_was(stores: Store):
    """Neither kind of store is refused, and nothing of the probe stays."""
    stores.write("key", b"x")
    require_conditional_writes(stores)
    assert list(stores.list("")) == ["key"]


def test_the_gateway_of_this_test_does_ignore_the_condition(ignoring: str):
    """Behind it a second conditional write overwrites the first, and both writers are told that they won."""
    store = open_store(ignoring)
    assert [store.write("key", body, if_absent=True) for body in (b"first", b"second")] == [True, True]
    assert store.read("key") == b"second"


def test_a_store_that_ignores_the_condition_is_refused(ignoring: str):
    """The reason names the store, the header that its server ignores, and what to do."""
    with pytest.raises(RequestError, match=rf"^{ignoring}: .*If-None-Match.*\. Use .*file:///folder"):
        require_conditional_writes(open_store(ignoring))
    assert list(open_store(ignoring).list("probe/")) == []


def test_plan_refuses_it(ignoring: str, tmp_path, caplog):
    """The first stage ends with 64, and the run has no request that a later stage could take."""
    environment = {"STORE": ignoring, "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config"))}
    said = speaking(environment, caplog)("plan", "--run", "r1")
    assert (said.code, "If-None-Match" in said.output) == (64, True)
    assert not open_store(ignoring).exists("runs/r1/request.json")


def test_make_run_and_make_up_refuse_it_before_they_start_anything(ignoring: str, monkeypatch: pytest.MonkeyPatch):
    """The first look at a store of one's own is the same probe."""
    monkeypatch.setenv("STORE", ignoring)
    with pytest.raises(RequestError, match="If-None-Match"):
        workflow._check_store()
