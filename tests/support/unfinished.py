"""What a writer leaves in a store that is killed in the middle of a write."""

from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import boto3

from tasks.storage.contract import Store
from tasks.storage.folder import FileStore


def begin_write(store: Store, data: bytes) -> None:
    """Leave in the store what a writer leaves that is killed in the middle."""
    if isinstance(store, FileStore):
        Path(unquote(urlsplit(store.uri).path), f"~{uuid4().hex}").write_bytes(data)
        return
    place = {"Bucket": urlsplit(store.uri).netloc, "Key": f"{urlsplit(store.uri).path[1:]}/half"}
    client = boto3.client("s3")
    upload = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, UploadId=upload, PartNumber=1, Body=data)
