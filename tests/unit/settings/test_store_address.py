"""Addresses of stores: what S3 and a file system allow is allowed; anything else is named, part and character."""

from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.settings.addresses import Bucket, store_place
from tasks.settings.orchestration import Orchestration
from tasks.settings.values import parse
from tasks.storage.location import open_store


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://bucket", Bucket("bucket", "")),
        ("s3://bucket/", Bucket("bucket", "")),
        ("s3://my.own-bucket.2/a/b/", Bucket("my.own-bucket.2", "a/b")),
        ("s3://bucket/team=vision/runs", Bucket("bucket", "team=vision/runs")),
        ("s3://bucket/a b/c+d/e@f/(1)", Bucket("bucket", "a b/c+d/e@f/(1)")),
        ("s3://bucket/!-_.*'()&$@=;:+, x", Bucket("bucket", "!-_.*'()&$@=;:+, x")),
        ("file:///", Path("/")),
        ("file:///data/Müllers Läufe/№ 1", Path("/data/Müllers Läufe/№ 1")),
        ("file:///data/M%C3%BCller%20%231", Path("/data/Müller #1")),
    ],
)
def test_what_s3_and_a_file_system_allow_is_allowed(address, place):
    """Every safe character of the guide to object keys in a prefix; blanks and umlauts in a folder."""
    assert store_place(address) == place
    assert parse(Orchestration, {"store": address}, "site").store == address


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "expected s3://bucket/prefix or file:///folder, received nothing"),
        ("s3a://bucket/x", "expected s3:// in place of s3a://"),
        ("S3://bucket/x", "expected s3:// in place of S3://"),
        ("/data/store", "expected file:// before the path of a folder"),
        ("data/store", "expected s3://bucket/prefix or file:///folder, received 'data/store'"),
        ("http://host/x", "expected s3://bucket/prefix or file:///folder, received 'http://host/x'"),
        ("file://host/x", "expected three slashes after file:, as in file:///folder"),
        ("file:///a\nb", "expected printable characters, received '\\n'"),
        ("s3://", "bucket '': expected 3 to 63 characters, received 0"),
        ("s3:///key", "bucket '': expected 3 to 63 characters, received 0"),
        ("s3://ab", "bucket 'ab': expected 3 to 63 characters, received 2"),
        ("s3://My_Bucket/x", "bucket 'My_Bucket': expected lower-case letters, digits, '.' and '-', received 'M'"),
        ("s3://my_bucket/x", "bucket 'my_bucket': expected lower-case letters, digits, '.' and '-', received '_'"),
        ("s3://bucket-", "bucket 'bucket-': expected a letter or a digit at its start and at its end"),
        ("s3://a..b", "bucket 'a..b': expected no two dots in a row"),
        ("s3://192.168.5.4", "bucket '192.168.5.4': expected a name that is no IP address"),
        ("s3://bucket/a//b", "prefix 'a//b': expected a name between its slashes, received ''"),
        ("s3://bucket/../x", "prefix '../x': expected a name between its slashes, received '..'"),
        ("s3://bucket/runs?x", "prefix 'runs?x': expected letters, digits, blanks and any of "),
        ("s3://bucket/Läufe", "received 'ä'"),
        ("s3://bucket/a%20b", "received '%'"),
        ("s3://bucket/a#b", "received '#'"),
        ("s3://bucket/a\tb", "received '\\t'"),
        ("s3://bucket/runs ", "prefix 'runs ': expected no blank at the start or the end of a name, received 'runs '"),
        ("s3://bucket/" + "x" * 1000, "expected at most 1000 characters, received 1012"),
    ],
)
def test_anything_else_is_refused_by_its_part_and_character(address, reason):
    """The first words say what was expected; they do not repeat what was given."""
    with pytest.raises(ValueError, match="expected") as caught:
        store_place(address)
    assert reason in str(caught.value)
    with pytest.raises(RequestError, match="STORE: ") as caught:
        open_store(address)
    assert reason in str(caught.value)
    with pytest.raises(RequestError, match="site: store: ") as caught:
        parse(Orchestration, {"store": address}, "site")
    assert reason in str(caught.value)


def test_a_login_in_an_address_is_refused_and_not_repeated():
    """Keys belong into the AWS variables; the message has none of them."""
    with pytest.raises(
        RequestError, match="expected a bucket after s3://, received a login; keep it in AWS_"
    ) as caught:
        open_store("s3://AKIDEXAMPLE:very-secret@bucket/x")
    with pytest.raises(RequestError) as again:
        parse(Orchestration, {"store": "s3://AKIDEXAMPLE:very-secret@bucket/x"}, "site")
    assert "very-secret" not in f"{caught.value}{again.value}"
