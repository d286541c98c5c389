"""No message repeats what may hold a secret."""

import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import DataError, DiscreetFormatter, RequestError, redacted, shown
from tasks.storage.contract import StoreError

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://me:{SECRET}@host/x: refused", "https://***@host/x: refused"),
        (f"https://{SECRET}@host/x", "https://***@host/x"),
        (f"s3://KEY:{SECRET}@bucket/prefix", "s3://***@bucket/prefix"),
        (f"socks5h://me:p@ss/{SECRET}@proxy:1080", "socks5h://***@proxy:1080"),
        (f"received 'https://me:a blank {SECRET}@host/x'", "received 'https://***@host/x'"),
        (f"received 'me:{SECRET}@host/x'", "received '***@host/x'"),
        (f'{{"mirror":"https://me:{SECRET}@host"}}', '{"mirror":"https://***@host"}'),
        (f"input_value='https://me:a blank {SECRET}@host/x'", "input_value='https://***@host/x'"),
        (f"{{'urls': ['https://me:a blank {SECRET}@host']}}", "{'urls': ['https://***@host']}"),
        (f"s3://KEY:se/{SECRET}@bucket/prefix", "s3://***@bucket/prefix"),
        (f"('Cannot connect to proxy http://me:{SECRET}@proxy')", "('Cannot connect to proxy http://***@proxy')"),
        (f"https://host/x?X-Amz-Signature={SECRET}: HTTP 403", "https://host/x?***: HTTP 403"),
        (f"https://host/x?{SECRET}; again", "https://host/x?***; again"),
        (f"Max retries exceeded with url: /x?sig={SECRET} (Cau", "Max retries exceeded with url: /x?*** (Cau"),
        (f"AWS_SECRET_ACCESS_KEY={SECRET} and more", "AWS_SECRET_ACCESS_KEY=*** and more"),
        (f"{{'aws': {{'secret_key': '{SECRET} 2', 'n': 1}}}}", "{'aws': {'secret_key': ***, 'n': 1}}"),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
    ],
)
def test_a_secret_in_a_text_is_hidden(text, expected):
    """Who logs in, what is asked for with a signature, and what is named a secret give way to three stars."""
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a/b.tar.gz: expected the file, received HTTP 404; check the address",
        "parameters: store_secret: expected a label; received 7",
        "write to somebody@example.org, who knows: is it there? yes = no",
        "s3://bucket/team=vision/runs, file:///a%20folder and /data/x@y",
        "s3://bucket/team@vision/runs/request.json and file:///home/a@b/x",
        "image registry.example:5000/trainer@sha256:ab12: expected it on the engine",
        "see http://127.0.0.1:8080 and write to somebody@example.org",
    ],
)
def test_other_text_stays(text):
    """What holds no secret is said as it is."""
    assert redacted(text) == text


@given(st.text(st.sampled_from("ab:/@?='\" {}.,;\\\n"), max_size=60))
def test_hiding_twice_is_hiding_once(text):
    """A message that passes two places on its way is not changed by the second one."""
    assert redacted(redacted(text)) == redacted(text)


def test_a_long_hostile_text_is_hidden_at_once():
    """A megabyte of what looks like addresses takes no longer than its length."""
    for piece in ("a://", "@:", "?=", "secret", "secret=", "'", "'\"", "a:b@ "):
        redacted(piece * (2**20 // len(piece)))


def test_a_value_is_hidden_before_it_is_cut():
    """The cut at a length may fall into a password, which has no end then by which to know it."""
    assert SECRET[:3] not in shown(f"https://{'x' * 100}:{SECRET}{'y' * 200}@host", 110)
    assert shown("x" * 500, 10) == "'xxxxxxxxx"


@pytest.mark.parametrize("kind", [RequestError, DataError, StoreError])
def test_an_error_of_ours_never_knew_the_secret(kind):
    """Wherever it is shown, in a log, a record, a traceback or a table: the text was cleaned when it was made."""
    error = kind(f"https://me:{SECRET}@host: no")
    assert str(error) == "https://***@host: no"
    assert SECRET not in repr(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_log_hides_the_errors_of_others():
    """A traceback of a library that names a proxy with its password is logged without it."""
    try:
        raise OSError(f"cannot connect to http://me:{SECRET}@proxy")
    except OSError as error:
        told = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "at %s", (f"https://h/x?sig={SECRET}",), told)
    line = DiscreetFormatter("%(message)s").format(record)
    assert SECRET not in line
    assert "cannot connect to http://***@proxy" in line
