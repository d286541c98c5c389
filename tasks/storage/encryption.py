"""Encryption at rest that is asked for with each write: some buckets' policies refuse a write that does not ask.

A bucket with default encryption encrypts by itself, and needs nothing of this.
"""

import re

from tasks.errors import RequestError, shown

KINDS = ("AES256", "aws:kms", "aws:kms:dsse")
EXPECTED = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}, and the key after =, as in aws:kms=KEY"


def encryption_of(text: str) -> dict[str, str]:
    """The parameters of a write that ask for the encryption that STORE_ENCRYPTION names; none for an empty `text`.

    Raises:
        RequestError: it names no encryption of S3's.
    """
    if not text:
        return {}
    kind, equals, key = text.partition("=")
    has_key = re.fullmatch(r"[!-~]{1,2048}", key) is not None and kind != "AES256"
    if kind not in KINDS or (equals and not has_key):
        raise RequestError(f"STORE_ENCRYPTION: expected {EXPECTED}; received {shown(text)}")
    return {"ServerSideEncryption": kind} | ({"SSEKMSKeyId": key} if equals else {})
