"""The store in an S3 bucket, of any server that speaks S3."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from boto3.exceptions import Boto3Error, RetriesExceededError, S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    SSLError,
)

from tasks.storage.contract import (
    ANY_SIZE,
    MIB,
    Bound,
    Entry,
    ObjectMissing,
    StoreError,
    Unfinished,
    checked_key,
    checked_prefix,
    is_key,
)
from tasks.storage.retries import PATIENT, RetryPolicy

Result = TypeVar("Result")
ATTEMPTS = 3  # botocore's own, for one request among many; the policy of a store is for the whole of an operation
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
# What passes: servers that are away, busy, or cut the line. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
PASSING_FAULTS = (RetriesExceededError, HTTPClientError, ConnectionError, IncompleteReadError, FlexibleChecksumError)
PASSING_STATUS = (408, 409, 429)
# NoSuchUpload: the answer to the end of a multipart upload was lost, and the end was asked for again.
PASSING_CODES = ("RequestTimeout", "IncompleteBody", "BadDigest", "SlowDown", "NoSuchUpload")
CHECK_CREDENTIALS = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile, or the identity of this machine)"
)
CHECK_ENDPOINT = "check AWS_ENDPOINT_URL_S3 and that the server runs"
CHECK_SERVER = "the server is busy or in trouble, its disk may be full; check its log and its free space"
ADVICE = {
    "InternalError": CHECK_SERVER,
    "ServiceUnavailable": CHECK_SERVER,
    "SlowDown": CHECK_SERVER,
    "503": CHECK_SERVER,
    "507": CHECK_SERVER,
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
    "ReadTimeoutError": "something listens there and does not answer; check AWS_ENDPOINT_URL_S3 and the server's log",
}


class S3Store:
    """A bucket, or the part of it under a prefix, through boto3: any server that speaks S3.

    Every operation may be done twice without harm, so an outage of the server is waited for, as `retries` says.
    """

    def __init__(self, bucket: str, prefix: str = "", retries: RetryPolicy = PATIENT):
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket, self._prefix, self._retries = bucket, f"{prefix}/" if prefix else "", retries
        # The classic client, as the other one (the AWS Common Runtime) takes neither these retries nor this endpoint.
        self._transfer = TransferConfig(
            multipart_threshold=16 * MIB,
            multipart_chunksize=16 * MIB,
            max_concurrency=4,
            preferred_transfer_client="classic",
        )
        try:
            self._client = _client(retries.silence)
        except (BotoCoreError, ValueError) as error:
            raise StoreError(f"{self.uri}: {error}; check the AWS variables") from error

    def read(self, key: str) -> bytes:
        """See Store."""
        return self._done(key, partial(self._read, self._at(key)))

    def _read(self, at: dict[str, Any]) -> bytes:
        return self._client.get_object(**at)["Body"].read()

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """See Store."""
        what = self._at(key) | {"Body": data, "ContentType": content_type or _content_type(key)}
        put = _ConditionalPut(self._client, what, partial(self.read, key)) if if_absent else partial(self._put, what)
        return self._done(key, put)

    def _put(self, what: dict[str, Any]) -> bool:
        self._client.put_object(**what)
        return True

    def upload(self, key: str, path: Path) -> None:
        """See Store."""
        what = self._at(key) | {"ExtraArgs": {"ContentType": _content_type(key)}, "Config": self._transfer}
        self._done(key, lambda: self._client.upload_file(str(path), **what))

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """See Store; boto3 downloads to a temporary name beside `path` and renames."""
        what = self._at(key) | {"Filename": str(path), "Config": self._transfer}
        self._done(key, lambda: self._client.download_file(**what, Callback=Bound(at_most)))

    def exists(self, key: str) -> bool:
        """See Store."""
        at = self._at(key)
        try:
            self._done(key, lambda: self._client.head_object(**at))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Store; a name that is no key (a folder that some console made) is passed over."""
        items = self._listed("list_objects_v2", "Contents", checked_prefix(prefix))
        found = (Entry(self._key(item), item["Size"], item["LastModified"]) for item in items)
        return (entry for entry in found if is_key(entry.key))

    def unfinished(self) -> Iterator[Unfinished]:
        """See Store: the multipart uploads that were neither completed nor aborted."""
        for item in self._listed("list_multipart_uploads", "Uploads", ""):
            key, upload = self._key(item), {"Bucket": self._bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
            size = self._done(key, partial(self._size, upload))
            yield Unfinished(key, size, item["Initiated"], partial(self._done, key, partial(self._abort, upload)))

    def _size(self, upload: dict[str, str]) -> int:
        """The bytes of an upload's parts; none when it has ended meanwhile."""
        with suppress(self._client.exceptions.NoSuchUpload):
            pages = self._client.get_paginator("list_parts").paginate(**upload)
            return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
        return 0

    def _abort(self, upload: dict[str, str]) -> None:
        with suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(**upload)

    def delete(self, key: str) -> None:
        """See Store."""
        at = self._at(key)
        self._done(key, lambda: self._client.delete_object(**at))

    def _listed(self, operation: str, field: str, prefix: str) -> Sequence[dict[str, Any]]:
        """The items of all pages; after a fault it begins again, as a page cannot be asked for twice."""
        pages = self._client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        return self._done(prefix, lambda: [item for page in pages for item in page.get(field, ())])

    def _key(self, item: dict[str, Any]) -> str:
        return item["Key"].removeprefix(self._prefix)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    def _done(self, key: str, action: Callable[[], Result]) -> Result:
        """What `action` on `key` returns, however often it must be asked for; its faults in this project's words."""
        try:
            return self._retries.call(action, _is_passing, f"{self.uri}/{key}")
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise self._fault(key, error) from error

    def _fault(self, key: str, error: Exception) -> Exception:
        cause = _cause(error)
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
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


class _ConditionalPut:
    """One conditional PUT, asked for until there is an answer: True when the object is ours.

    412: somebody has it; 409: two writers met, ask again.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    Once an answer was lost, that somebody may be us: then the bytes are ours, and are put once more, as a server that
    failed in the middle may hold an object that it does not list.
    """

    def __init__(self, client: Any, what: dict[str, Any], read: Callable[[], bytes]):
        self._client, self._what, self._read, self._lost = client, what, read, False

    def __call__(self) -> bool:
        try:
            self._client.put_object(**self._what, IfNoneMatch="*")
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            self._lost |= answer.get("RetryAttempts", 0) > 0 or answer.get("HTTPStatusCode", 0) >= 500
            if answer.get("HTTPStatusCode") != 412:
                raise
            if not self._lost or self._read() != self._what["Body"]:
                return False
            self._client.put_object(**self._what)
        except BotoCoreError:
            self._lost = True
            raise
        return True


def _is_passing(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    cause = _cause(error)
    if isinstance(cause, ClientError):
        status = cause.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        return status >= 500 or status in PASSING_STATUS or cause.response["Error"]["Code"] in PASSING_CODES
    return isinstance(cause, PASSING_FAULTS) and not isinstance(cause, SSLError)


def _cause(error: Exception) -> BaseException:
    """The fault itself: boto3 wraps those of uploads."""
    return error.__context__ or error if isinstance(error, S3UploadFailedError) else error


def _client(silence: float) -> Any:
    """An S3 client of the standard AWS variables; with an endpoint of one's own, buckets stand in the path."""
    settings = Config(
        connect_timeout=min(5.0, silence),
        read_timeout=silence,
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
