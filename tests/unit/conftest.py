"""The unit tier runs after every edit, so nothing in it may start what takes seconds to import."""

import sys

import pytest

from tests.support.tiers import HEAVY


@pytest.fixture(autouse=True)
def _nothing_heavy():
    """No test of this tier imports TensorFlow, Keras, Airflow or Swift."""
    before = HEAVY & sys.modules.keys()
    yield
    assert HEAVY & sys.modules.keys() == before, "such a test belongs to tests/contract/"


@pytest.fixture(scope="session")
def object_store():
    """No test of this tier starts the S3 server."""
    pytest.fail("a test that needs the S3 server belongs to tests/contract/")
