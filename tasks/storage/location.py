"""From a store's address to the store."""

import re
from pathlib import Path
from urllib.parse import unquote

from tasks.errors import RequestError
from tasks.storage.contract import Store, is_key
from tasks.storage.retries import PATIENT, RetryPolicy


def open_store(uri: str, retries: RetryPolicy = PATIENT) -> Store:
    """The store at `s3://bucket/prefix` or `file:///folder`; boto3's standard AWS variables say how to reach S3.

    `retries` says how long to wait for an S3 server that is away.

    Raises:
        RequestError: the address is neither.
        StoreError: boto3 cannot use the AWS variables that it found.
    """
    # Each kind is imported only when it is used: importing boto3 is slow.
    scheme, _, rest = uri.partition("://")
    if scheme == "file" and rest.startswith("/"):
        from tasks.storage.folder import FileStore

        return FileStore(Path(unquote(rest)))
    bucket, _, prefix = rest.rstrip("/").partition("/")
    if scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) and is_key(prefix or "x"):
        from tasks.storage.bucket import S3Store

        return S3Store(bucket, prefix, retries)
    raise RequestError(f"STORE: expected s3://bucket/prefix or file:///folder; received {uri!r}")
