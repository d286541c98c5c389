"""STORE_ENCRYPTION: what each write asks a bucket for, as boto3 takes it."""

import pytest

from tasks.errors import RequestError
from tasks.storage.encryption import encryption_of

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("AES256", {"ServerSideEncryption": "AES256"}),
        ("aws:kms", {"ServerSideEncryption": "aws:kms"}),
        (f"aws:kms={KEY}", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}),
        ("aws:kms:dsse=alias/team", {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": "alias/team"}),
    ],
)
def test_each_kind_of_s3s_is_known(text, expected):
    """A kind alone leaves the key to the bucket; a key stands after the sign of equality."""
    assert encryption_of(text) == expected


@pytest.mark.parametrize("text", ["kms", "aws:kms=", "aws:kms=a key", f"AES256={KEY}", "=", "AES256 ", "aws:kms=k\n"])
def test_anything_else_is_refused(text):
    """The message names the variable, what it may hold, and what it holds."""
    with pytest.raises(RequestError, match=r"^STORE_ENCRYPTION: expected AES256, .*aws:kms=KEY; received ") as raised:
        encryption_of(text)
    assert "\n" not in str(raised.value)
