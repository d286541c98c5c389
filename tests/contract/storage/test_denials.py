"""What a bucket's policy denies: told apart from what is missing, by its operation, and one object at a time."""

from uuid import uuid4

import pytest

from tasks.environment import lead_to
from tasks.errors import RequestError
from tasks.storage.contract import ObjectMissing, Refused, Store, StoreError, require_conditional_writes
from tasks.storage.location import open_store
from tests.support.fault_proxy import FaultProxy, answering, fault_proxy, passing
from tests.support.stage_commands import in_this_process

DENIED = answering(403, "AccessDenied")


@pytest.fixture
def proxy(s3_environment, monkeypatch: pytest.MonkeyPatch):
    """A proxy before the embedded server; the environment leads to it."""
    with fault_proxy(s3_environment.environment["AWS_ENDPOINT_URL_S3"]) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", found.address)
        yield found


@pytest.fixture
def store(proxy: FaultProxy, s3_environment) -> Store:
    """An empty store behind it."""
    return open_store(f"{s3_environment.uri}/{uuid4().hex}")


USES = {
    "GET": lambda store, folder: store.read("key"),
    "HEAD": lambda store, folder: store.download("key", folder / "file"),
}


@pytest.mark.parametrize("method", USES)
def test_a_denied_object_that_a_listing_does_not_have_is_missing(proxy, store, tmp_path, method):
    """Ceph's gateway denies what is missing to whoever may list only below a prefix; a longer key is no proof."""
    store.write("key-2", b"x")
    proxy.plan(method, DENIED)
    with pytest.raises(ObjectMissing, match=r"/key: no such object$"):
        USES[method](store, tmp_path)
    proxy.plan("HEAD", DENIED)
    assert not store.exists("key")


@pytest.mark.parametrize("method", USES)
def test_a_denied_object_that_is_there_is_denied(proxy, store, tmp_path, method):
    """The listing has it, so that it is no lack of the object but of a right."""
    store.write("key", b"x")
    proxy.plan(method, DENIED)
    with pytest.raises(Refused, match=r"/key: (AccessDenied|403): .*read this object"):
        USES[method](store, tmp_path)


def test_where_the_listing_is_denied_too_nobody_knows(proxy, store):
    """Then the refusal stands, and says that the object may be missing."""
    proxy.plan("GET", DENIED, DENIED)
    with pytest.raises(Refused, match=r"AccessDenied: .*; it may be missing; "):
        store.read("key")


def test_the_advice_is_that_of_the_operation(proxy, store):
    """Who may not write, delete or list reads so; over http, that the policy may demand TLS."""
    for method, use, advice in (
        ("PUT", lambda: store.write("key", b"x"), r"PutObject.*; .*may write here; .*set STORE_ENCRYPTION; "),
        ("DELETE", lambda: store.delete("key"), r"DeleteObject.*; .*may delete here, and that no lock keeps"),
        ("GET", lambda: list(store.list("")), r"ListObjectsV2.*; .*may list below this prefix; "),
    ):
        proxy.plan(method, DENIED)
        with pytest.raises(Refused, match=rf"AccessDenied.*{advice}") as raised:
            use()
        assert str(raised.value).endswith("may refuse http://, so let AWS_ENDPOINT_URL_S3 begin with https://")


def test_a_server_that_misses_a_length_is_told_the_older_checksums(proxy, store):
    """Its code says it all: the message of some servers is empty."""
    proxy.plan("PUT", answering(411, "MissingContentLength", ""))
    with pytest.raises(
        StoreError, match=r"MissingContentLength: .*set AWS_REQUEST_CHECKSUM_CALCULATION=when_required$"
    ):
        store.write("key", b"x")


def test_each_write_asks_for_the_encryption_that_is_set(s3_environment, tmp_path, monkeypatch):
    """Small and big writes carry the header, conditional or not; readings, and writes without the setting, do not."""
    heard: list[tuple[str, str | None]] = []

    def listening(store: Store) -> Store:
        def note(params, model, **_):
            heard.append((model.name, params["headers"].get("x-amz-server-side-encryption")))
            if model.name in ("PutObject", "CreateMultipartUpload"):
                raise InterruptedError  # the embedded server knows no encryption

        store._client.meta.events.register("before-call.s3", note)
        return store

    (tmp_path / "big").write_bytes(bytes(17 * 1024 * 1024))
    for setting in ("aws:kms=team", ""):
        monkeypatch.setenv("STORE_ENCRYPTION", setting)
        store = listening(open_store(s3_environment.uri))
        list(store.list(""))
        for write in (
            lambda store=store: store.write("key", b"x"),
            lambda store=store: store.write("key", b"x", if_absent=True),
            lambda store=store: store.upload("key", tmp_path / "big"),
        ):
            with pytest.raises(InterruptedError):
                write()
    writes = ["PutObject", "PutObject", "CreateMultipartUpload"]
    with_header, without = [(name, "aws:kms") for name in writes], [(name, None) for name in writes]
    assert heard == [("ListObjectsV2", None), *with_header, ("ListObjectsV2", None), *without]


def test_an_encryption_that_is_none_is_refused_before_anything_is_asked(s3_environment, monkeypatch):
    """And the embedded store, which has none, is never asked for a person's own."""
    monkeypatch.setenv("STORE_ENCRYPTION", "rot13")
    with pytest.raises(RequestError, match="STORE_ENCRYPTION: expected"):
        open_store(s3_environment.uri)
    environment = {"STORE_ENCRYPTION": "aws:kms", "AWS_PROFILE": "work"}
    lead_to(environment, s3_environment.environment)
    assert environment == s3_environment.environment


def test_a_sweep_goes_on_after_an_object_that_may_not_be_deleted(proxy, store, capsys):
    """It names what stays and why, removes the rest, and ends with 1."""
    for key in ("checkpoints/train/k1/000001-a", "checkpoints/train/k1/000002-b"):
        store.write(key, b"x" * 7)
    proxy.plan("DELETE", passing, DENIED)  # the first is a probe of the sweep's own
    assert in_this_process({"STORE": store.uri}, "sweep", "--age", "0") == 1
    said = capsys.readouterr().out
    assert "7 B  kept: " in said
    assert "removed 1 objects, 7 B" in said
    assert list(store.list("")) == ["checkpoints/train/k1/000001-a"]


def test_the_probe_needs_no_right_to_delete(proxy, store):
    """A bucket from which nothing may be taken away is none the worse; what stays is out of every reader's way."""
    proxy.plan("DELETE", DENIED)
    require_conditional_writes(store)
    (left,) = store.list("")
    assert left.startswith("probe/")
