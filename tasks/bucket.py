"""The store in an S3 bucket, of any server that speaks S3."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from tasks.store import MIB, Entry, ObjectMissing, StoreError, Unfinished, checked_key, checked_prefix, is_key

ATTEMPTS = 5
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
CHECK_CREDENTIALS = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile, or the identity of this machine)"
)
CHECK_ENDPOINT = "check AWS_ENDPOINT_URL_S3 and that the server runs"
ADVICE = {
    "NoSuchBucket": "create the bucket, or correct STORE",
    "AccessDenied": "check that these credentials may list, read and write this bucket",
    "403": f"{CHECK_CREDENTIALS}, and that they may list, read and write this bucket",
    "InvalidAccessKeyId": CHECK_CREDENTIALS,
    "SignatureDoesNotMatch": CHECK_CREDENTIALS,
    "ExpiredToken": "renew the session's credentials",
    "NoCredentialsError": CHECK_CREDENTIALS,
    "PartialCredentialsError": CHECK_CREDENTIALS,
    "EndpointConnectionError": CHECK_ENDPOINT,
    "ConnectTimeoutError": CHECK_ENDPOINT,
}


class S3Store:
    """A bucket, or the part of it under a prefix, through boto3: any server that speaks S3."""

    def __init__(self, bucket: str, prefix: str = ""):
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        # The classic client, as the other one (the AWS Common Runtime) takes neither these retries nor this endpoint.
        self._transfer = TransferConfig(
            multipart_threshold=16 * MIB,
            multipart_chunksize=16 * MIB,
            max_concurrency=4,
            preferred_transfer_client="classic",
        )
        try:
            self._client = _client()
        except (BotoCoreError, ValueError) as error:
            raise StoreError(f"{self.uri}: {error}; check the AWS variables") from error

    def read(self, key: str) -> bytes:
        """See Store. A body cut short is asked for again, which botocore leaves to its callers."""
        left = ATTEMPTS
        with self._explained(key):
            while True:
                left -= 1
                body = self._client.get_object(**self._at(key))["Body"]
                try:
                    return body.read()
                except (HTTPClientError, IncompleteReadError):
                    if not left:
                        raise

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """See Store."""
        what = self._at(key) | {"Body": data, "ContentType": content_type or _content_type(key)}
        with self._explained(key):
            if if_absent:
                return self._put_if_absent(key, what)
            self._client.put_object(**what)
        return True

    def upload(self, key: str, path: Path) -> None:
        """See Store."""
        extra = {"ContentType": _content_type(key)}
        with self._explained(key):
            self._client.upload_file(str(path), **self._at(key), ExtraArgs=extra, Config=self._transfer)

    def download(self, key: str, path: Path) -> None:
        """See Store; boto3 downloads to a temporary name beside `path` and renames."""
        with self._explained(key):
            self._client.download_file(**self._at(key), Filename=str(path), Config=self._transfer)

    def exists(self, key: str) -> bool:
        """See Store."""
        try:
            with self._explained(key):
                self._client.head_object(**self._at(key))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Store; a name that is no key (a folder that some console made) is passed over."""
        items = self._pages("list_objects_v2", "Contents", checked_prefix(prefix))
        found = (Entry(self._key(item), item["Size"], item["LastModified"]) for item in items)
        return (entry for entry in found if is_key(entry.key))

    def unfinished(self) -> Iterator[Unfinished]:
        """See Store: the multipart uploads that were neither completed nor aborted."""
        for item in self._pages("list_multipart_uploads", "Uploads", ""):
            upload = {"Bucket": self._bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
            with self._explained(self._key(item)):
                pages = self._client.get_paginator("list_parts").paginate(**upload)
                size = sum(part["Size"] for page in pages for part in page.get("Parts", ()))
            yield Unfinished(self._key(item), size, item["Initiated"], partial(self._abort, upload))

    def _abort(self, upload: dict[str, str]) -> None:
        with self._explained(self._key(upload)), suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(**upload)

    def delete(self, key: str) -> None:
        """See Store."""
        with self._explained(key):
            self._client.delete_object(**self._at(key))

    def _pages(self, operation: str, field: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator(operation)
        with self._explained(prefix):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                yield from page.get(field, ())

    def _key(self, item: dict[str, Any]) -> str:
        return item["Key"].removeprefix(self._prefix)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    def _put_if_absent(self, key: str, what: dict[str, Any]) -> bool:
        """One conditional PUT. 412: somebody has it; 409: two writers met, ask again.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        When botocore sent it twice, the first answer was lost and the writer may be us: then the bytes are ours.
        """
        retried, attempt = False, 0
        while True:
            attempt += 1
            try:
                self._client.put_object(**what, IfNoneMatch="*")
                return True
            except ClientError as error:
                answer = error.response["ResponseMetadata"]
                retried |= answer.get("RetryAttempts", 0) > 0
                if answer.get("HTTPStatusCode") == 412:
                    return retried and self.read(key) == what["Body"]
                if answer.get("HTTPStatusCode") != 409 or attempt == ATTEMPTS:
                    raise
                time.sleep(0.1 * attempt)

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise self._fault(key, error) from error

    def _fault(self, key: str, error: Exception) -> Exception:
        cause = error if isinstance(error, ClientError) else error.__context__  # boto3 wraps an upload's faults
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(error).__name__
        if code == "404" and not self._has_bucket():  # the answer to a HEAD has no body to say what is missing
            code = "NoSuchBucket"
        if code in ("NoSuchKey", "404"):
            return ObjectMissing(f"{self.uri}/{key}: no such object")
        advice = ADVICE.get(code, "try again; if it stays, check the AWS variables and the server's log")
        return StoreError(f"{self.uri}/{key}: {code}: {' '.join(str(error).split())}; {advice}")

    def _has_bucket(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            return error.response["Error"]["Code"] != "404"
        except BotoCoreError:
            pass  # nobody knows; the first answer stands
        return True


def _client() -> Any:
    """An S3 client of the standard AWS variables; with an endpoint of one's own, buckets stand in the path."""
    settings = Config(
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    session = Session()
    client = session.client("s3", config=settings)
    if ".amazonaws." in client.meta.endpoint_url:
        return client
    return session.client("s3", config=settings.merge(Config(s3={"addressing_style": "path"})))


def _content_type(key: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
