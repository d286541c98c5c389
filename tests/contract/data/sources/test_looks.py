"""Looks at living sources behind a network: the objects of a real S3 server, and a file of a real HTTP server."""

import io
import zipfile
from functools import partial
from uuid import uuid4

import boto3
import pytest

from tasks.data.sources import looks, web_file
from tasks.data.sources.faults import DownloadError
from tasks.data.sources.locations import location_at
from tasks.data.sources.looks import is_changed, take
from tasks.data.sources.objects import Objects
from tasks.data.sources.web_file import WebFile
from tasks.errors import DataError, UnsettledError
from tasks.settings.perimeter import Perimeter
from tasks.storage.contract import StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy
from tasks.storage.snapshots import Shelf, note
from tests.support.fault_proxy import answering, cut_answer, fault_proxy, refused
from tests.support.http_server import answer, server

FLOWERS = {"rose/1.jpg": b"one", "rose/2 ü+%.jpg": b"two", "tulip/#3?.jpg": b"three", "tulip/4&\n.jpg": b"one"}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(looks, "PAUSES", (0.0, 0.0))


def taken(location, store):
    return take(location, "x", Shelf(store, "flowers"), lambda line: None)


def names(snapshot):
    return [file.name for file in snapshot.files]


class Bucket:
    """A prefix of the embedded server's bucket that nobody else uses."""

    def __init__(self):
        self.client, self.prefix = boto3.client("s3"), uuid4().hex
        self.address = f"s3://like-for-like/{self.prefix}/"

    def put(self, files):
        for name, body in files.items():
            self.client.put_object(Bucket="like-for-like", Key=f"{self.prefix}/{name}", Body=body)

    def delete(self, name):
        self.client.delete_object(Bucket="like-for-like", Key=f"{self.prefix}/{name}")


@pytest.fixture
def bucket(s3_environment):
    made = Bucket()
    made.put(FLOWERS)
    return made


def test_a_prefix_is_a_source_whatever_its_keys_hold(bucket, store):
    """Blanks, umlauts, signs and line breaks; consoles' folders, and neighbours of a similar name, are no files."""
    bucket.put({"": b"", "rose/": b"", ".hidden/x": b""})
    bucket.client.put_object(Bucket="like-for-like", Key=f"{bucket.prefix}2/other.jpg", Body=b"")
    for address in (bucket.address, bucket.address.rstrip("/")):
        snapshot = taken(Objects(address), store)
        assert names(snapshot) == sorted(FLOWERS)
    assert (snapshot.listed, snapshot.read) == (1, 0)
    bodies = {file.name: store.read(f"files/{file.sha256}") for file in snapshot.files}
    assert bodies == FLOWERS


def test_a_folder_in_a_bucket_and_on_a_disk_are_one_version(bucket, store, tmp_path):
    """What a version is of, is names and bytes, and not where they lie."""
    for name, body in FLOWERS.items():
        (tmp_path / "flowers" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flowers" / name).write_bytes(body)
    there = taken(Objects(bucket.address), store)
    assert taken(location_at(str(tmp_path / "flowers"), (), print), store).version == there.version


def test_only_what_changed_in_a_bucket_is_read(bucket, store):
    """The ETag tells: new and overwritten objects are read, others are not."""
    taken(Objects(bucket.address), store)
    bucket.put({"rose/1.jpg": b"eno", "rose/9.jpg": b"nine"})
    bucket.delete("tulip/#3?.jpg")
    second = taken(Objects(bucket.address), store)
    assert (second.listed, second.read, "tulip/#3?.jpg" in names(second)) == (1, 2, False)


def zip_bytes(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def test_one_object_is_a_source(bucket, store):
    """An archive in a bucket has the version of the prefix with the same files."""
    files = {name: body for name, body in FLOWERS.items() if "\n" not in name}
    bucket.delete("tulip/4&\n.jpg")
    prefix = taken(Objects(bucket.address), store)
    bucket.client.put_object(Bucket="like-for-like", Key=f"{bucket.prefix}x/a.zip", Body=zip_bytes(files))
    assert taken(Objects(f"s3://like-for-like/{bucket.prefix}x/a.zip"), store).version == prefix.version


def test_a_prefix_without_objects_is_refused(bucket, store):
    """One line that names it, as does a bucket that is not there; time mends neither."""
    for address in ("s3://like-for-like/nothing/", "s3://like-for-like/nothing"):
        with pytest.raises(DataError, match=f"location {address}: expected files, found none; correct `location`"):
            taken(Objects(address), store)
    with pytest.raises(DataError, match=r"NoSuchBucket: .*; create the bucket, or correct `location`"):
        taken(Objects("s3://no-such-bucket/x/"), store)


@pytest.fixture
def proxy(bucket, monkeypatch):
    """A proxy in front of the server, which every later client goes through."""
    with fault_proxy(bucket.client.meta.endpoint_url) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.address)
        yield running


def test_what_may_not_be_listed_or_read_is_refused_at_once(bucket, proxy, store, tmp_path):
    """403 is one line with what to check, and no outage: exit code 65."""
    proxy.plan("GET", answering(403, "AccessDenied"))
    with pytest.raises(DataError, match=r"AccessDenied: .*; check that these credentials may list"):
        taken(Objects(bucket.address), store)
    proxy.plan("GET")
    location = Objects(bucket.address)
    entry = location.listing().entries[0]
    proxy.plan("GET", answering(403, "AccessDenied"))
    with pytest.raises(DataError, match="AccessDenied"):
        location.bring(entry, tmp_path / "x", lambda size: None)


def test_an_outage_is_waited_for_and_then_said(bucket, proxy, store):
    """Cut answers and refused connections pass; a server that stays away is no fault of the data."""
    proxy.plan("GET", refused, cut_answer, answering(503, "SlowDown"), cut_answer, refused)
    assert names(taken(Objects(bucket.address), store)) == sorted(FLOWERS)
    proxy.stop()
    with pytest.raises(StoreError, match="EndpointConnectionError"):
        taken(Objects(bucket.address, RetryPolicy(0)), store)


class Meddled(Objects):
    """A prefix in which somebody does something between the listing and the reading."""

    def __init__(self, address, *deeds):
        super().__init__(address)
        self._deeds = list(deeds)

    def listing(self):
        found = super().listing()
        if self._deeds:
            self._deeds.pop(0)()
        return found


def test_an_object_removed_between_listing_and_reading_is_left_out(bucket, store):
    """It is listed again, and is not there."""
    snapshot = taken(Meddled(bucket.address, partial(bucket.delete, "rose/1.jpg")), store)
    assert (names(snapshot), snapshot.listed) == (sorted(FLOWERS)[1:], 2)


def test_an_object_replaced_between_listing_and_reading_is_the_new_one(bucket, store):
    """The server gives only what has the listed ETag, so no snapshot has one's size and the other's bytes."""
    snapshot = taken(Meddled(bucket.address, partial(bucket.put, {"rose/1.jpg": b"another"})), store)
    assert store.read(f"files/{snapshot.files[0].sha256}") == b"another"
    assert snapshot.listed == 2


def test_objects_that_change_all_the_time_end_the_look(bucket, store):
    """One line after three listings, which a retry may mend."""
    deeds = [partial(bucket.put, {"rose/1.jpg": b"%d" % number}) for number in range(9)]
    with pytest.raises(UnsettledError, match=r"rose/1.jpg' changed while it was read, 3 times; try again"):
        taken(Meddled(bucket.address, *deeds), store)
    assert Shelf(store, "flowers").last().entries  # the others need not be read again


def test_a_store_in_a_bucket_keeps_files_too(bucket, s3_environment, tmp_path):
    """Files, looks and versions go into a bucket as into a folder; what is there is not put again."""
    store = open_store(f"{s3_environment.uri}/{uuid4().hex}")
    first = taken(Objects(bucket.address), store)
    before = list(store.entries("files/"))
    assert len(before) == 3
    again = take(Objects(bucket.address), "x", Shelf(store, "flowers"), lambda line: None, afresh=True)
    assert (again.read, again.version, list(store.entries("files/"))) == (4, first.version, before)


ARCHIVE = zip_bytes({"rose/1.jpg": b"one", "tulip/2.jpg": b"two"})


def of_web(address, *allowed):
    return WebFile(address, Perimeter((address, *allowed)), lambda line: None)


def test_an_archive_of_a_web_server_is_read_when_its_mark_is_another(store):
    """A HEAD tells; the body is asked for once for each ETag."""
    asked, tag = [], ["1"]

    def respond(handler):
        asked.append(handler.command)
        answer(handler, ARCHIVE, ETag=f'"{tag[0]}"')

    with server(respond) as address:
        location = of_web(f"{address}/some%20where/flowers.zip?v=1")
        first = taken(location, store)
        assert names(first) == ["rose/1.jpg", "tulip/2.jpg"]
        assert taken(location, store).read == 0
        note(store, "flowers", first.version, "r1", "now")
        assert not is_changed(location, "x", Shelf(store, "flowers"))
        tag[0] = "2"
        assert is_changed(location, "x", Shelf(store, "flowers"))
        assert (taken(location, store).read, asked.count("GET")) == (1, 2)


def test_a_file_without_any_mark_is_read_every_time(store):
    """Nothing tells whether it is as it was; its content does, and the version stays."""
    with server(partial(answer, body=ARCHIVE)) as address:
        first = taken(of_web(f"{address}/a.zip"), store)
        second = taken(of_web(f"{address}/a.zip"), store)
    assert (second.read, second.version) == (1, first.version)


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(store):
    """The ETag of the body must be that of the listing."""
    tags = iter("1222222")
    with server(lambda handler: answer(handler, ARCHIVE, ETag=f'"{next(tags)}"')) as address:
        assert taken(of_web(f"{address}/a.zip"), store).listed == 2


def test_a_web_server_that_refuses_is_one_line(store, monkeypatch):
    """403 and 404 are not tried again; an outage is, and then said to be one."""
    for status in (403, 404):
        with server(partial(answer, status=status)) as address, pytest.raises(DataError, match=f"HTTP {status}"):
            taken(of_web(f"{address}/a.zip"), store)
    monkeypatch.setattr(web_file, "PATIENT", RetryPolicy(0))
    with server(partial(answer, status=503)) as address, pytest.raises(DownloadError, match="received HTTP 503"):
        taken(of_web(f"{address}/a.zip"), store)


def test_the_location_itself_is_allowed_and_nothing_it_leads_to(store, tmp_path):
    """A server of a private network that the dataset's file names is the owner's; where it redirects to is not."""
    to = lambda handler: answer(handler, status=302, Location=f"{target}/a.zip")  # noqa: E731
    with server(partial(answer, body=ARCHIVE)) as target, server(to) as address:
        assert names(taken(location_at(f"{target}/a.zip", (), print), store))
        with pytest.raises(DataError, match="expected a public address"):
            taken(location_at(f"{address}/a.zip", (), print), store)
        assert names(taken(location_at(f"{address}/a.zip", (target,), print), store))
