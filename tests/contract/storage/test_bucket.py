"""The store in an S3 bucket: what it has beyond the contract of every store."""

from pathlib import Path

import boto3
import pytest

from tasks.storage.bucket import S3Store
from tasks.storage.contract import StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy


def test_long_listing(s3_environment):
    """A listing that S3 answers in several pages is whole."""
    store = S3Store("like-for-like", "many")
    pages: list[dict] = []
    events = store._client.meta.events
    events.register("before-parameter-build.s3.ListObjectsV2", lambda params, **_: pages.append(params))
    events.register("before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3))
    keys = [f"{number:04d}" for number in range(8)]
    for key in keys:
        store.write(key, b"")
    assert list(store.list("")) == keys
    assert len(pages) == 3


def test_content_types(s3_environment, tmp_path: Path):
    """A report opens in a browser: the content type follows the suffix, or what the writer says."""
    store = open_store(f"{s3_environment.uri}/types")
    (tmp_path / "file").write_text("<p>")
    store.upload("report.html", tmp_path / "file")
    store.write("report.json", b"{}")
    store.write("report.svg", b"<svg/>", content_type="image/svg+xml")
    client = boto3.client("s3")
    found = [
        client.head_object(Bucket="like-for-like", Key=f"types/report.{suffix}")["ContentType"]
        for suffix in ("html", "json", "svg")
    ]
    assert found == ["text/html; charset=utf-8", "application/json", "image/svg+xml"]


@pytest.mark.parametrize(
    ("name", "value", "promised"),
    [
        (
            "AWS_SECRET_ACCESS_KEY",
            "wrong",
            r"^s3://like-for-like/x: SignatureDoesNotMatch: .*; check AWS_ACCESS_KEY_ID",
        ),
        ("AWS_ACCESS_KEY_ID", "nobody", r"^s3://like-for-like/x: \w+: .*; check"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1", r": EndpointConnectionError: .*; check AWS_ENDPOINT_URL_S3"),
        ("AWS_ENDPOINT_URL_S3", "nonsense", r"Invalid endpoint.*; check the AWS variables$"),
    ],
)
def test_refusals_are_one_line(s3_environment, monkeypatch: pytest.MonkeyPatch, name: str, value: str, promised: str):
    """A wrong credential or endpoint is one line: which store, what happened, what to do; and it tells no secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=promised) as raised:
        S3Store("like-for-like", retries=RetryPolicy(0)).write("x", b"")
    assert "\n" not in str(raised.value)
    assert s3_environment.environment["AWS_SECRET_ACCESS_KEY"] not in str(raised.value)


def test_a_persons_profile_leads_to_their_own_s3(object_store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A client takes address, region and keys from the profile, and asks no proxy for a server of this machine."""
    way = object_store.environment
    for name in way:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        f"[profile work]\nregion = {way['AWS_REGION']}\nendpoint_url = {way['AWS_ENDPOINT_URL_S3']}\n"
    )
    (tmp_path / ".aws" / "credentials").write_text(
        f"[work]\naws_access_key_id = {way['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {way['AWS_SECRET_ACCESS_KEY']}\n"
    )
    for name, value in {"HOME": str(tmp_path), "AWS_PROFILE": "work", "http_proxy": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    store = S3Store("like-for-like", "of a profile", retries=RetryPolicy(0))
    store.write("key", b"value")
    assert store.read("key") == b"value"


def test_missing_bucket(s3_environment, tmp_path: Path):
    """A bucket that is not there is an error, not an empty store."""
    store = open_store("s3://no-such-bucket")
    for use in (
        lambda: store.read("key"),
        lambda: store.write("key", b""),
        lambda: store.download("key", tmp_path / "target"),
        lambda: store.exists("key"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(StoreError, match=r"NoSuchBucket: .*; create the bucket, or correct STORE"):
            use()
