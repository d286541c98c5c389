"""What the parts of this machine's run keep in files: one that is damaged is no traceback."""

import pytest

from tasks.local.airflow import AirflowError, Secrets
from tasks.local.server import read_server
from tasks.local.swift.configuration import kept_secrets
from tasks.local.swift.object_store import _connection
from tasks.storage.contract import StoreError

NO_OBJECTS = [b"", b"{", b"null", b"[]", b"7", b"{}", b"\xff\xfe", b"\x00" * 9, b"[" * 100_000]


@pytest.mark.parametrize("body", NO_OBJECTS, ids=lambda body: repr(body[:9]))
def test_a_damaged_description_is_none(tmp_path, body):
    """A server or a store whose description cannot be read is not up: the next start writes it anew."""
    for name in ("server.json", "connection.json"):
        (tmp_path / name).write_bytes(body)
    assert read_server(tmp_path) is None
    assert _connection(tmp_path) is None


@pytest.mark.parametrize("body", NO_OBJECTS, ids=lambda body: repr(body[:9]))
def test_damaged_secrets_are_one_line(tmp_path, body):
    """The message names the file and says what to do; nothing is made anew behind anybody's back."""
    (tmp_path / "secrets.json").write_bytes(body)
    with pytest.raises(StoreError, match=r"secrets\.json: missing or damaged, .*; put it back or use a new folder"):
        kept_secrets(tmp_path)
    with pytest.raises(AirflowError, match=r"secrets\.json: expected .*; put it back, or delete it"):
        Secrets.load(tmp_path)
    assert (tmp_path / "secrets.json").read_bytes() == body
