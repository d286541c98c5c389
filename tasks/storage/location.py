"""From a store's address to the store."""

import os
from pathlib import Path

from tasks.errors import RequestError
from tasks.settings.addresses import store_place
from tasks.storage.contract import Store
from tasks.storage.encryption import encryption_of
from tasks.storage.retries import PATIENT, RetryPolicy


def open_store(uri: str, retries: RetryPolicy = PATIENT) -> Store:
    """The store at `s3://bucket/prefix` or `file:///folder`; boto3's standard AWS variables say how to reach S3.

    STORE_ENCRYPTION says what each write to S3 asks for. `retries` says how long to wait for an S3 server that is away.

    Raises:
        RequestError: the address is neither, or STORE_ENCRYPTION names no encryption.
        StoreError: boto3 cannot use the AWS variables that it found.
    """
    try:
        place = store_place(uri)
    except ValueError as error:
        raise RequestError(f"STORE: {error}") from None
    # Each kind is imported only when it is used: importing boto3 is slow.
    if isinstance(place, Path):
        from tasks.storage.folder import FileStore

        return FileStore(place)
    from tasks.storage.bucket import S3Store

    return S3Store(*place, retries, encryption_of(os.environ.get("STORE_ENCRYPTION", "")))
