from functools import partial

import pytest

from tasks.data.sources import downloads
from tasks.data.sources.downloads import DownloadError
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import Source
from tests.support.http_server import answer, in_turn, server
from tests.support.tiny_data import sha256, tar_bytes

BODY = bytes(range(256)) * 40
PLAIN = Source(name="a.gz", urls=("http://127.0.0.1:9/a.gz",), sha256=sha256(BODY))
ARCHIVE = Source(
    name="a.tar.gz",
    urls=("http://127.0.0.1:9/a.tar.gz",),
    members={"top/one.bin": sha256(b"one"), "top/two.bin": sha256(b"two")},
)
GOOD = {"top/readme": b"hello", "top/one.bin": b"one", "top/two.bin": b"two", "top/more.bin": b"more"}


def bring(source, mirror, folder, progress):
    """Bring a source as the machine's owner does, whose own mirror and servers are never out of reach."""
    downloads.bring(source, mirror, folder, progress, allowed_addresses=(mirror,) if mirror else source.urls)


def quiet(line):
    pass


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_mirror_serves_a_plain_file_and_an_archives_members(tmp_path, folder):
    """From a folder, the file comes as it is, and of an archive exactly the configured members, by base name."""
    (tmp_path / "a.gz").write_bytes(BODY)
    (tmp_path / "a.tar.gz").write_bytes(tar_bytes(GOOD))
    bring(PLAIN, str(tmp_path), folder, quiet)
    bring(ARCHIVE, tmp_path.as_uri(), folder, quiet)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a.gz": BODY, "one.bin": b"one", "two.bin": b"two",
    }  # fmt: skip


def test_an_http_download_shows_progress_and_survives_faults_that_heal(folder):
    """A 503 and a body cut short are tried again, and the third answer is taken, with progress in tenths."""
    answers = iter([partial(answer, body=b"", status=503), partial(answer, body=BODY[:99], length=len(BODY))])
    lines = []

    def respond(handler):
        next(answers, partial(answer, body=BODY))(handler)

    with server(respond) as address:
        bring(PLAIN, address, folder, lines.append)
    assert names(folder) == ["a.gz"]
    assert lines[-1].startswith("a.gz: 100 %")


def test_the_next_address_is_tried_when_one_does_not_serve(folder):
    """Upstream addresses are an ordered list: a dead first one is passed over."""
    with server(partial(answer, body=BODY)) as address:
        source = PLAIN.model_copy(update={"urls": ("http://127.0.0.1:9/a.gz", f"{address}/a.gz")})
        bring(source, None, folder, quiet)
    assert names(folder) == ["a.gz"]


def test_no_network_is_an_error_that_may_be_retried_and_a_404_is_not(folder):
    """Unreachable is DownloadError and names the way out; absent is DataError. Neither leaves a file."""
    with pytest.raises(DownloadError, match="check the network, or name a mirror"):
        bring(PLAIN, None, folder, quiet)
    with server(partial(answer, body=b"", status=404)) as address, pytest.raises(DataError, match="received HTTP 404"):
        bring(PLAIN, address, folder, quiet)
    with pytest.raises(DataError, match="expected the upstream file here, found none; check the mirror"):
        bring(PLAIN, str(folder), folder, quiet)
    assert names(folder) == []


def test_an_endless_download_is_cut_off(folder, monkeypatch):
    """A server that sends more than any data set has is left, not followed until the disk is full."""
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD", 1000)
    with server(partial(answer, body=BODY)) as address, pytest.raises(DataError, match="expected at most"):
        bring(PLAIN, address, folder, quiet)
    assert names(folder) == []


def test_a_wrong_digest_names_both_and_leaves_nothing(tmp_path, folder):
    """A changed file is refused with the expected and the received digest, and nothing stays."""
    (tmp_path / "a.gz").write_bytes(BODY[:-1])
    with pytest.raises(DataError, match=f"expected SHA-256 {sha256(BODY)}, received {sha256(BODY[:-1])}"):
        bring(PLAIN, str(tmp_path), folder, quiet)
    assert names(folder) == []


def test_a_changed_member_is_not_kept(tmp_path, folder):
    """A member whose bytes are not those of its digest is refused like a file, and does not stay."""
    (tmp_path / "a.tar.gz").write_bytes(tar_bytes(GOOD | {"top/two.bin": b"tow"}))
    with pytest.raises(DataError, match=r"two\.bin .*expected SHA-256 .*received"):
        bring(ARCHIVE, str(tmp_path), folder, quiet)
    assert names(folder) == ["one.bin"]


def test_a_mirror_that_is_a_store_is_bounded_too(stores, folder, monkeypatch):
    """A file too long for any data set, in a folder or in a bucket, is left in the words of a long download."""
    stores.write("a.gz", BODY)
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD", len(BODY))
    bring(PLAIN, stores.uri, folder, quiet)
    assert names(folder) == ["a.gz"]
    (folder / "a.gz").unlink()
    monkeypatch.setattr(downloads, "MAX_DOWNLOAD", len(BODY) - 1)
    with pytest.raises(DataError, match=r"a\.gz: expected at most 0 MiB, received more; check the mirror"):
        bring(PLAIN, stores.uri, folder, quiet)
    assert names(folder) == []


def test_nobody_but_the_owner_names_a_folder(tmp_path, folder):
    """A mirror that is not the owner's word is not read, though it holds the right file."""
    (tmp_path / "a.gz").write_bytes(BODY)
    with pytest.raises(RequestError, match="expected a public address, or a folder in `allowed_addresses`"):
        downloads.bring(PLAIN, str(tmp_path), folder, quiet)
    assert names(folder) == []


def test_the_next_address_is_tried_when_one_leads_inside(folder):
    """An official site that was taken over and points at loopback is passed over like a dead one."""
    astray = partial(answer, status=302, Location="http://127.0.0.1:9/a")
    with server(astray) as bad, server(partial(answer, body=BODY)) as good:
        source = PLAIN.model_copy(update={"urls": (f"{bad}/a.gz", f"{good}/a.gz")})
        bring(source, None, folder, quiet)
    assert names(folder) == ["a.gz"]


PAGE = b"<!DOCTYPE html>\n<title>Please sign in</title>" + b" " * 200
page = partial(answer, body=PAGE, Content_Type="text/html")


def cut(handler):
    """Half of the body and the end of the connection, without a length that would tell."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY[: len(BODY) // 2])


@pytest.mark.parametrize("passing", [page, cut, partial(answer, body=b"")], ids=["page", "cut", "empty"])
@pytest.mark.parametrize("source", [PLAIN, ARCHIVE], ids=["plain", "archive"])
def test_bytes_that_are_not_the_file_are_fetched_again(folder, passing, source):
    """A page of a proxy, a file that was cut without a length, nothing at all: the next attempt has the file."""
    whole = BODY if source is PLAIN else tar_bytes(GOOD)
    with server(in_turn(passing, partial(answer, body=whole))) as address:
        bring(source, address, folder, quiet)
    assert names(folder) == sorted(source.digests)


@pytest.mark.parametrize("passing", [page, cut, partial(answer, body=BODY[::-1])], ids=["page", "cut", "changed"])
def test_the_next_address_is_tried_when_one_serves_other_bytes(folder, passing):
    """A wrong digest is no reason to give up while there is another address; the same bytes twice are enough."""
    asked = []

    def respond(handler):
        asked.append(handler.path)
        passing(handler)

    with server(respond) as bad, server(partial(answer, body=BODY)) as good:
        bring(PLAIN.model_copy(update={"urls": (f"{bad}/a.gz", f"{good}/a.gz")}), None, folder, quiet)
    assert names(folder) == ["a.gz"]
    assert len(asked) == 2


def test_when_no_address_serves_the_file_one_line_says_what_each_gave(folder):
    """Status, type, size and the first words of a text, or the digest, of each address, without a secret."""
    told = partial(answer, body=b"token=hunter2 " + PAGE, Content_Type="text/plain")
    binary = partial(answer, body=BODY[::-1])
    with server(told) as first, server(partial(answer, status=404)) as second, server(binary) as third:
        source = PLAIN.model_copy(update={"urls": (f"{first}/a.gz", f"{second}/a.gz", f"{third}/a.gz")})
        with pytest.raises(DataError) as caught:
            bring(source, None, folder, quiet)
    line = str(caught.value)
    assert line.startswith("a.gz: none of 3 addresses gave it: (1) ")
    assert f"(HTTP 200, text/plain, {len(PAGE) + 14} bytes, beginning with 'token=*** <!DOCTYPE html>" in line
    assert f"(2) {second}/a.gz: expected the file, received HTTP 404" in line
    assert f"(3) a.gz from {third}/a.gz: expected SHA-256 {sha256(BODY)}, received {sha256(BODY[::-1])}" in line
    assert line.endswith(f"(HTTP 200, without a type, {len(BODY):,} bytes)")
    assert "hunter2" not in line
    assert "\n" not in line


def test_a_mixed_failure_may_be_tried_again_later(folder):
    """When one of the addresses may serve later, the error is one that Airflow tries again."""
    with server(page) as first, server(partial(answer, status=503)) as second:
        source = PLAIN.model_copy(update={"urls": (f"{first}/a.gz", f"{second}/a.gz")})
        with pytest.raises(DownloadError, match=r"\(1\) .*text/html.*\(2\) .*HTTP 503; check the network, or name"):
            bring(source, None, folder, quiet)


def test_a_server_of_the_owner_is_not_quoted_to_whoever_names_a_page_of_it(folder):
    """Who may only start runs learns no word of a private server, which the owner allowed for a folder of its data."""
    with server(page) as address:
        for mirror, quoted in (
            (f"{address}/data", True),
            (f"{address}/private?", False),
            (f"{address}/data/../x", False),
        ):
            with pytest.raises(DataError) as caught:
                downloads.bring(PLAIN, mirror, folder, quiet, allowed_addresses=(f"{address}/data",))
            assert ("Please sign in" in str(caught.value)) is quoted
            assert f"{len(PAGE)} bytes" in str(caught.value)
