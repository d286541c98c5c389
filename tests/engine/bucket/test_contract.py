"""The store's contract on this server, by the credentials of who keeps a prefix: the tests of the other back ends."""

import inspect

import pytest

from tasks.storage.location import open_store
from tests.contract.storage import test_checkpoints, test_store

globals().update(
    (name, member)
    for module in (test_store, test_checkpoints)
    for name, member in vars(module).items()
    if name.startswith("test_") and "stores" in inspect.signature(member).parameters
)


@pytest.fixture
def stores(bucket, become):
    """An empty store below a prefix, for the keeper of this prefix."""
    become(bucket.user("keeper", "team/project"))
    return open_store(f"s3://{bucket.name}/team/project")
