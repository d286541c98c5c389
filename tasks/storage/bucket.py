"""The store in an S3 bucket, of any server that speaks S3."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tasks.settings.addresses import is_loopback
from tasks.storage.contract import (
    ANY_SIZE,
    MIB,
    Bound,
    Entry,
    ObjectMissing,
    Refused,
    StoreError,
    Unfinished,
    checked_key,
    checked_prefix,
    is_key,
)
from tasks.storage.faults import advice, code_of, is_refusal, is_temporary, operation_of, words_of
from tasks.storage.retries import PATIENT, RetryPolicy

Result = TypeVar("Result")
ATTEMPTS = 3  # botocore's attempts at one request; the retry policy of a store covers a whole operation
READING = ("GetObject", "HeadObject")
WRITING = ("PutObject", "CreateMultipartUpload")  # a part of an upload is encrypted as the upload was begun
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
}


class BucketAccess:
    """A bucket through boto3, of any server that speaks S3: one client, its retries, and its faults in our words.

    Repeating an operation does no harm. So an operation waits for a server that is away, as long as `retries` allows.
    """

    def __init__(self, bucket: str, prefix: str = "", retries: RetryPolicy = PATIENT):
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket, self._prefix, self._retries = bucket, prefix, retries
        try:
            self._client = _client(retries.silence)
        except (BotoCoreError, ValueError) as error:
            raise StoreError(f"{self.uri}: {error}; check the AWS variables") from error

    def _listed(self, operation: str, field: str, prefix: str) -> Sequence[dict[str, Any]]:
        """The items of all pages. After a fault the listing begins again: one page cannot be requested twice."""
        pages = self._client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        return self._with_retries(prefix, lambda: [item for page in pages for item in page.get(field, ())])

    def _with_retries(self, key: str, action: Callable[[], Result]) -> Result:
        """The result of `action` on `key`, after retries. A fault that stays is raised as an error of this project."""
        try:
            return self._retries.call(action, is_temporary, f"{self.uri}/{key}")
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise self._fault(key, error) from error

    def _fault(self, key: str, error: Exception) -> Exception:
        code = code_of(error)
        if operation_of(error) in READING and is_refusal(error) and self._is_unlisted(key):
            code = "NoSuchKey"
        if code == "404" and not self._has_bucket():  # the answer to a HEAD has no body that says what is missing
            code = "NoSuchBucket"
        if code in ("NoSuchKey", "404"):
            return ObjectMissing(f"{self.uri}/{key}: no such object")
        kind = Refused if is_refusal(error) else StoreError
        told = advice(code, error, self._client.meta.endpoint_url)
        return kind(f"{self.uri}/{key}: {code}: {words_of(error)}; {told}")

    def _is_unlisted(self, key: str) -> bool:
        """Whether these credentials may list where `key` would stand, and it does not stand there.

        To whoever may list only below a prefix, Ceph says of a missing object that reading it is denied:
        https://github.com/ceph/ceph/pull/68577
        """
        name = self._prefix + key
        try:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=name, MaxKeys=1)
        except (BotoCoreError, ClientError):
            return False  # unknown: believe the refusal
        return name not in [item["Key"] for item in page.get("Contents", ())]

    def _has_bucket(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            return error.response["Error"]["Code"] != "404"
        except BotoCoreError:
            pass  # unknown: believe the first answer
        return True


class S3Store(BucketAccess):
    """A store in a bucket, or in the part of it under a prefix; `encryption` are further parameters of each write."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        retries: RetryPolicy = PATIENT,
        encryption: Mapping[str, str] | None = None,
    ):
        super().__init__(bucket, f"{prefix}/" if prefix else "", retries)
        for operation in WRITING:
            with_encryption = partial(_joined, encryption or {})
            self._client.meta.events.register(f"provide-client-params.s3.{operation}", with_encryption)
        # The classic client: the other one, the AWS Common Runtime, accepts neither these retries nor this endpoint.
        self._transfer = TransferConfig(
            multipart_threshold=16 * MIB,
            multipart_chunksize=16 * MIB,
            max_concurrency=4,
            preferred_transfer_client="classic",
        )

    def read(self, key: str) -> bytes:
        """See Store."""
        return self._with_retries(key, partial(self._read, self._location(key)))

    def _read(self, location: dict[str, Any]) -> bytes:
        return self._client.get_object(**location)["Body"].read()

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """See Store."""
        arguments = self._location(key) | {"Body": data, "ContentType": content_type or _content_type(key)}
        if if_absent:
            return self._with_retries(key, _ConditionalPut(self._client, arguments, partial(self.read, key)))
        return self._with_retries(key, partial(self._put, arguments))

    def _put(self, arguments: dict[str, Any]) -> bool:
        self._client.put_object(**arguments)
        return True

    def upload(self, key: str, path: Path) -> None:
        """See Store."""
        arguments = self._location(key) | {"ExtraArgs": {"ContentType": _content_type(key)}, "Config": self._transfer}
        self._with_retries(key, lambda: self._client.upload_file(str(path), **arguments))

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """See Store; boto3 downloads to a temporary name beside `path` and renames."""
        arguments = self._location(key) | {"Filename": str(path), "Config": self._transfer}
        self._with_retries(key, lambda: self._client.download_file(**arguments, Callback=Bound(at_most)))

    def exists(self, key: str) -> bool:
        """See Store."""
        location = self._location(key)
        try:
            self._with_retries(key, lambda: self._client.head_object(**location))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Store. Names that are not keys are skipped: a console's folder, for example."""
        items = self._listed("list_objects_v2", "Contents", checked_prefix(prefix))
        entries = (Entry(self._key(item), item["Size"], item["LastModified"]) for item in items)
        return (entry for entry in entries if is_key(entry.key))

    def unfinished(self) -> Iterator[Unfinished]:
        """See Store: the multipart uploads that were neither completed nor aborted."""
        for item in self._listed("list_multipart_uploads", "Uploads", ""):
            key, upload = self._key(item), {"Bucket": self._bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
            size = self._with_retries(key, partial(self._size, upload))
            discard = partial(self._with_retries, key, partial(self._abort, upload))
            yield Unfinished(key, size, item["Initiated"], discard)

    def _size(self, upload: dict[str, str]) -> int:
        """The bytes of an upload's parts; 0 when the upload has ended meanwhile."""
        with suppress(self._client.exceptions.NoSuchUpload):
            pages = self._client.get_paginator("list_parts").paginate(**upload)
            return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
        return 0

    def _abort(self, upload: dict[str, str]) -> None:
        with suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(**upload)

    def delete(self, key: str) -> None:
        """See Store."""
        location = self._location(key)
        self._with_retries(key, lambda: self._client.delete_object(**location))

    def link(self, key: str, seconds: int) -> str:
        """See Store: a presigned URL, in the only form that Amazon's newer regions take.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html
        """
        signer = _client(self._retries.silence, signature_version="s3v4")
        arguments = {"Params": self._location(key), "ExpiresIn": seconds}
        return self._with_retries(key, lambda: signer.generate_presigned_url("get_object", **arguments))

    def _key(self, item: dict[str, Any]) -> str:
        return item["Key"].removeprefix(self._prefix)

    def _location(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}


class _ConditionalPut:
    """One conditional PUT, to be called until it is answered. It returns True when the object is ours.

    Status 412: the object exists. Status 409: two writers met, so try again.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    After a lost answer, the existing object may be ours: then it has our bytes. It is put once more, since a server
    that failed in the middle may hold an object that it does not list.
    """

    def __init__(self, client: Any, arguments: dict[str, Any], read: Callable[[], bytes]):
        self._client, self._arguments, self._read, self._lost = client, arguments, read, False

    def __call__(self) -> bool:
        try:
            self._client.put_object(**self._arguments, IfNoneMatch="*")
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            self._lost |= answer.get("RetryAttempts", 0) > 0 or answer.get("HTTPStatusCode", 0) >= 500
            if answer.get("HTTPStatusCode") != 412:
                raise
            if not self._lost or self._read() != self._arguments["Body"]:
                return False
            self._client.put_object(**self._arguments)
        except BotoCoreError:
            self._lost = True
            raise
        return True


def _client(silence: float, **more: Any) -> Any:
    """An S3 client that reads the standard AWS variables; `more` are settings beside its own.

    Outside Amazon, the path names the bucket. For a server of this machine no proxy is asked.
    """
    settings = Config(
        connect_timeout=min(5.0, silence),
        read_timeout=silence,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        **more,
    )
    session = Session()
    client = session.client("s3", config=settings)
    if ".amazonaws." not in client.meta.endpoint_url:
        host = urlsplit(client.meta.endpoint_url).hostname or ""
        own = Config(s3={"addressing_style": "path"}, proxies={} if is_loopback(host) else None)
        client = session.client("s3", config=settings.merge(own))
    client.meta.events.register_first("needs-retry.s3.HeadBucket", _stay)
    return client


def _stay(request_dict: dict[str, Any], **_: Any) -> None:
    """Mark a HEAD of a bucket as redirected already.

    botocore asks by it where the bucket is, after a redirect that does not say so. Where that HEAD is redirected in the
    same way, it would ask itself again and again.
    """
    request_dict["context"].setdefault("s3_redirect", {})["redirected"] = True


def _joined(more: Mapping[str, str], params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, **more}


def _content_type(key: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
