"""A report from a real S3 server: the download, and links that work without a login until they expire."""

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from tasks.__main__ import main
from tasks.report.bundle import links
from tasks.report.verification import verify_folder
from tasks.storage.location import open_store
from tests.support import synthetic
from tests.support.patience import PATIENCE
from tests.support.published_runs import publish_report

WITHOUT_PROXY = {"http": "", "https": ""}


@pytest.fixture(scope="module")
def uri(object_store, tmp_path_factory):
    """A store in the embedded server with one published report."""
    uri = f"{object_store.uri}/{uuid4().hex}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in object_store.environment.items():
            patch.setenv(name, value)
        publish_report(open_store(uri), synthetic.request())
    return uri


@pytest.fixture
def store(uri, s3_environment, monkeypatch):
    monkeypatch.setenv("STORE", uri)
    return open_store(uri)


def opened(address):
    """The answer to whoever opens the link, with no login at hand."""
    return requests.get(address, timeout=PATIENCE, proxies=WITHOUT_PROXY)


def test_a_download_from_s3_is_whole_and_verifies(store, tmp_path):
    """Every file, and `verify` of the folder agrees."""
    assert main(["download", "latest", str(tmp_path / "home")]) == 0
    assert not verify_folder(tmp_path / "home").findings


def test_presigned_links_open_the_documents_without_a_login(store, capfd):
    """One line for each document; its link gives the document's very bytes, as the type that a browser shows.

    The command says until when they work. No log has a link: standard output alone.
    """
    assert main(["presign", "latest", "--hours", "2"]) == 0
    said = capfd.readouterr()
    until, _, *lines = said.out.splitlines()
    expiry = datetime.strptime(until.partition("until ")[2], "%Y-%m-%d %H:%M UTC,").replace(tzinfo=UTC)
    assert timedelta(minutes=110) < expiry - datetime.now(UTC) < timedelta(minutes=121)
    found = dict(line.split(" ", 1) for line in lines)
    assert found.keys() == {"explore.ipynb", "report.csv", "report.html", "report.json", "report.md"}
    for name, address in found.items():
        answer = opened(address)
        assert (answer.status_code, answer.content) == (200, store.read(f"reports/quick-1/{name}")), answer.text[:300]
    assert opened(found["report.html"]).headers["Content-Type"].startswith("text/html")
    query = parse_qs(urlsplit(found["report.html"]).query)
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["7200"])
    assert "X-Amz" not in said.err


def test_a_document_that_is_missing_has_no_link(store):
    """A link to it would open an error."""
    kept = store.read("reports/quick-1/report.md")
    store.delete("reports/quick-1/report.md")
    assert links(store, "quick-1", 60).keys() == {"explore.ipynb", "report.csv", "report.html", "report.json"}
    store.write("reports/quick-1/report.md", kept)


def test_a_link_is_for_one_document_and_ends(store):
    """It opens nothing else, a changed one opens nothing, and after its time it opens nothing either."""
    address = links(store, "quick-1", 2)["report.md"]
    assert opened(address).status_code == 200
    assert opened(address.replace("report.md", "report.csv")).status_code == 403
    assert opened(address.partition("?")[0]).status_code in (400, 403)  # no signature at all
    time.sleep(3)
    assert opened(address).status_code == 403
