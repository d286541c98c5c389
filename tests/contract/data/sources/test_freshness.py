"""A reused fetch looks at its source, cheaply, and says what it sees: against real servers, folders and buckets."""

import os
import re
from functools import partial

import pytest

from tasks.data.sources import freshness
from tasks.runs import execution
from tasks.runs.records import read_record
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages.fetch import STAGE
from tasks.storage.location import open_store
from tests.support.http_server import answer, in_turn, server, silent_server
from tests.support.tiny_data import make_configuration, make_mirror

PLACE = Place("cifar10")
NAME = "cifar-10-binary.tar.gz"


@pytest.fixture
def archive(tmp_path):
    """The one file of the dataset, in a mirror's folder."""
    return make_mirror(tmp_path / "mirror") / "cifar-10" / NAME


@pytest.fixture
def fetched(tmp_path):
    """Fetch the dataset from a mirror, in one run after the other; what the run's record says at the end."""
    config = load_configuration(make_configuration(tmp_path / "config"))
    store, runs = open_store((tmp_path / "store").as_uri()), iter(range(9))

    def fetch(mirror):
        run = f"r{next(runs)}"
        request = resolve(config, Parameters(profile="smoke", datasets=("cifar10",)), run, own_mirror=mirror)
        execution.execute(STAGE, request, PLACE, store)
        record = read_record(store, run, PLACE, "fetch")
        assert (record["status"], record["cached"]) == ("done", run != "r0")
        return record["progress"]

    return fetch


def test_a_source_that_is_as_it_was_is_said_to_be(fetched, archive):
    """The line says when the files were downloaded, and that the source was looked at in this run."""
    with server(partial(answer, body=archive.read_bytes(), ETag='"1"')) as address:
        assert not fetched(address).startswith("cached")
        line = fetched(address)
    assert line.startswith("cached; downloaded 20")
    assert line.endswith(" UTC; the source was looked at now and has not changed")


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (partial(answer, body=b"other"), r"has changed at .*cifar-10-binary.tar.gz: size \d+ is now 5"),
        (partial(answer, body=b"x", ETag='"2"'), 'ETag "1" is now "2"'),
        (partial(answer, status=404), "is gone from http://127.0.0.1:"),
        (partial(answer, status=410), "is gone from http://127.0.0.1:"),
    ],
    ids=["size", "mark", "gone", "gone for good"],
)
def test_a_source_that_changed_or_went_is_a_warning_and_no_failure(fetched, archive, caplog, later, expected):
    """The run says what is different and which files it uses, in its record and in its log, and goes on with them."""
    first = partial(answer, body=archive.read_bytes(), ETag='"1"')
    with server(in_turn(first, later)) as address, caplog.at_level("INFO"):
        fetched(address)
        line = fetched(address)
    assert line.startswith(f"cached; WARNING: {NAME} ")
    assert re.search(expected, line)
    assert "; this run uses the files of 20" in line
    assert line in caplog.text


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (partial(answer, status=405), "received HTTP 405"),
        (partial(answer, status=503), "received HTTP 503"),
        (partial(answer, status=302, Location="http://127.0.0.1:9/a"), "expected a public address"),
    ],
    ids=["no HEAD", "busy", "outside"],
)
def test_a_source_that_cannot_be_looked_at_is_said_to_be(fetched, archive, later, expected):
    """A server that refuses the question, or leads out of the perimeter, is asked once, and that is no warning."""
    with server(in_turn(partial(answer, body=archive.read_bytes()), later)) as address:
        fetched(address)
        line = fetched(address)
    assert "UTC; the source could not be looked at now: " in line
    assert expected in line
    assert "WARNING" not in line


def test_a_machine_without_a_network_goes_on(fetched, archive):
    """A server that is away is no failure of what was downloaded from it before."""
    with server(partial(answer, body=archive.read_bytes())) as address:
        fetched(address)
    assert "could not be looked at now: http://127.0.0.1:" in fetched(address)


def test_a_server_that_never_answers_is_left_soon(fetched, archive, monkeypatch):
    """The look has an end of its own, whatever hangs."""
    monkeypatch.setattr(freshness, "WAIT_SECONDS", 60)
    monkeypatch.setattr(freshness, "LOOK_SECONDS", 0.2)
    fetched(str(archive.parents[1]))
    with silent_server() as address:
        assert fetched(address).endswith("could not be looked at now: no answer within 0.2 s")


def test_a_folder_is_looked_at_too(fetched, archive):
    """A file of a mirror's folder is as it was, newer, or gone; each is said."""
    mirror = str(archive.parents[1])
    fetched(mirror)
    assert fetched(mirror).endswith("has not changed")
    os.utime(archive, (10**9, 10**9))
    assert "time of change 20" in (changed := fetched(mirror))
    assert "is now 2001-09-09T01:46:40+00:00" in changed
    archive.unlink()
    assert f"WARNING: {NAME} is gone from {archive}" in fetched(mirror)


def test_a_bucket_is_looked_at_too(fetched, archive, s3_environment):
    """An object of a mirror's bucket is as it was, another, or gone; each is said."""
    store = open_store(f"{s3_environment.uri}/mirror")
    store.upload(f"cifar-10/{NAME}", archive)
    fetched(store.uri)
    assert fetched(store.uri).endswith("has not changed")
    store.write(f"cifar-10/{NAME}", b"other")
    assert " is now 5, time of change" in fetched(store.uri) or " is now 5;" in fetched(store.uri)
    store.delete(f"cifar-10/{NAME}")
    assert f"WARNING: {NAME} is gone from {store.uri}/cifar-10/{NAME}" in fetched(store.uri)


def test_another_mirror_is_compared_by_size_alone(fetched, archive):
    """Two places of one file differ in their marks. So a mirror that was named later warns only of another size."""
    fetched(str(archive.parents[1]))
    with server(partial(answer, body=archive.read_bytes(), ETag='"7"')) as address:
        assert fetched(address).endswith("has not changed")
    with server(partial(answer, body=b"other")) as address:
        assert f"WARNING: {NAME} has changed at {address}" in fetched(address)
