"""Bundles to hand over: a published run, and a partial one in a folder."""

import pytest

from tasks.storage.location import open_store
from tests.support import synthetic
from tests.support.published_runs import publish_report


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in a folder with the published report of `quick-1`: one dataset, two families, three seeds."""
    made = open_store(tmp_path_factory.mktemp("store").as_uri())
    publish_report(made, synthetic.request())
    return made
