"""Faults of S3: which of them pass by themselves, what each says, and what a person can do about it."""

import re

from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ProxyConnectionError,
    SSLError,
)

# Temporary faults: the server is away or busy, or it drops the connection.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
TEMPORARY_FAULTS = (RetriesExceededError, HTTPClientError, ConnectionError, IncompleteReadError, FlexibleChecksumError)
TEMPORARY_STATUS = (408, 409, 429)
NOT_IMPLEMENTED = 501  # the one fault of a server that time does not mend
# NoSuchUpload: a multipart upload was completed, but the answer was lost, so the completion was requested again.
TEMPORARY_CODES = ("RequestTimeout", "IncompleteBody", "BadDigest", "SlowDown", "NoSuchUpload")
CHECK_CREDENTIALS = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile, or the identity of this machine)"
)
CHECK_ENDPOINT = "check AWS_ENDPOINT_URL_S3 and that the server runs"
CHECK_SERVER = "the server is busy or in trouble, its disk may be full; check its log and its free space"
CHECK_REGION = "set AWS_DEFAULT_REGION to the region of the bucket"
CHECK_PROXY = "the proxy asks for a login; put it into HTTPS_PROXY, or name the server in NO_PROXY"
FREE_QUOTA = "the quota of this bucket or account is used up; raise it, or free some space with `python -m tasks sweep`"
MOVED = f"the server sends requests for this bucket elsewhere; {CHECK_REGION}, and check AWS_ENDPOINT_URL_S3"
CHECKSUMS = "the server does not know the newer checksums; set AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
ADVICE = {
    "InternalError": CHECK_SERVER,
    "ServiceUnavailable": CHECK_SERVER,
    "SlowDown": CHECK_SERVER,
    "503": CHECK_SERVER,
    "507": CHECK_SERVER,
    "NoSuchBucket": "create the bucket, or correct STORE",
    "MissingContentLength": CHECKSUMS,  # AWS's clients send these checksums after a body of no said length
    "InvalidAccessKeyId": CHECK_CREDENTIALS,
    "SignatureDoesNotMatch": CHECK_CREDENTIALS,
    "ExpiredToken": "renew the session's credentials",
    "NoCredentialsError": CHECK_CREDENTIALS,
    "PartialCredentialsError": CHECK_CREDENTIALS,
    "RequestTimeTooSkewed": "this machine's time and the server's differ; set this machine's clock, or the server's",
    "AuthorizationHeaderMalformed": CHECK_REGION,
    "IllegalLocationConstraintException": CHECK_REGION,
    "400": f"the answer to a HEAD says no more; {CHECK_REGION}, and check the credentials",
    "PermanentRedirect": MOVED,
    "TemporaryRedirect": MOVED,
    "Redirect": MOVED,
    "301": MOVED,
    "302": MOVED,
    "307": MOVED,
    "QuotaExceeded": FREE_QUOTA,
    "XMinioAdminBucketQuotaExceeded": FREE_QUOTA,
    "407": CHECK_PROXY,
    "ProxyAuthenticationRequired": CHECK_PROXY,
    "NotImplemented": "the server lacks this part of S3; use a server that offers it, or a newer release of this one",
    "501": "the server lacks this part of S3; use a server that offers it, or a newer release of this one",
    "SSLError": "check the server's certificate; let AWS_CA_BUNDLE name the file of the authority that signed it",
    "EndpointConnectionError": CHECK_ENDPOINT,
    "ConnectTimeoutError": CHECK_ENDPOINT,
    "ProxyConnectionError": "check HTTPS_PROXY, or name the server in NO_PROXY",
    "ReadTimeoutError": "something listens there and does not answer; check AWS_ENDPOINT_URL_S3 and the server's log",
}
# Since January 2025 AWS's clients add checksums that some servers refuse, each in its own words:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
ABOUT_CHECKSUMS = re.compile(r"checksum|trailer|aws-chunked|content-sha256", re.I)
REFUSED_STATUS = (400, 411, NOT_IMPLEMENTED)
# What a refusal may be about, by S3's name of the operation. The server says no more than "denied".
REFUSED = ("AccessDenied", "403")
MAY_WRITE = (
    "check that these credentials may write here; if the bucket's policy demands encryption, set STORE_ENCRYPTION"
)
MAY = {
    "PutObject": MAY_WRITE,
    "CreateMultipartUpload": MAY_WRITE,
    "DeleteObject": "check that these credentials may delete here, and that no lock keeps the object",
    "ListObjectsV2": "check that these credentials may list below this prefix",
    "HeadObject": f"{CHECK_CREDENTIALS}, and that they may read this object and list below the prefix",
    "GetObject": "check that these credentials may read this object and list below the prefix; it may be missing",
}
MAY_OTHERWISE = "check that these credentials may list, read, write and delete below this prefix"
USE_TLS = "; the bucket's policy may refuse http://, so let AWS_ENDPOINT_URL_S3 begin with https://"
OTHERWISE = "try again; if it stays, check the AWS variables and the server's log"


def is_temporary(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    cause = _cause(error)
    if isinstance(cause, ClientError):
        status = _status(cause)
        passes = status >= 500 and status != NOT_IMPLEMENTED
        return passes or status in TEMPORARY_STATUS or code_of(cause) in TEMPORARY_CODES
    return isinstance(cause, TEMPORARY_FAULTS) and not isinstance(cause, SSLError) and not _is_login(cause)


def code_of(error: BaseException) -> str:
    """The code that the server gave, or the name of the client's error."""
    cause = _cause(error)
    return cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__


def words_of(error: BaseException) -> str:
    """What the error says, on one line, with what is behind it: botocore's own words often leave that out."""
    words, root = " ".join(str(error).split()), _root(error)
    return words if not root or root in words else f"{words} ({root})"


def is_refusal(error: BaseException) -> bool:
    """Whether the server answered that this may not be done."""
    return code_of(error) in REFUSED


def operation_of(error: BaseException) -> str:
    """S3's name of what was asked, or nothing where no server answered."""
    cause = _cause(error)
    return cause.operation_name if isinstance(cause, ClientError) else ""


def advice(code: str, error: BaseException, endpoint: str) -> str:
    """What to do about an error of this code from the server at `endpoint`."""
    cause = _cause(error)
    if code in REFUSED:
        return MAY.get(operation_of(error), MAY_OTHERWISE) + (USE_TLS if endpoint.startswith("http://") else "")
    if isinstance(cause, ClientError) and _status(cause) in REFUSED_STATUS and ABOUT_CHECKSUMS.search(str(cause)):
        return CHECKSUMS
    return CHECK_PROXY if _is_login(cause) else ADVICE.get(code, OTHERWISE)


def _cause(error: BaseException) -> BaseException:
    """The underlying fault; boto3 wraps the faults of uploads."""
    return error.__context__ or error if isinstance(error, S3UploadFailedError) else error


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"].get("HTTPStatusCode", 0)


def _is_login(error: BaseException) -> bool:
    """Whether a proxy asks for a login, in its answer to a tunnel's request."""
    return isinstance(error, ProxyConnectionError) and "407" in _root(error)


def _root(error: BaseException) -> str:
    """What the innermost error behind one of botocore says, on one line."""
    cause: BaseException | None = (
        getattr(error, "kwargs", {}).get("error") if isinstance(error, BotoCoreError) else None
    )
    while cause and (inner := cause.__cause__ or cause.__context__):
        cause = inner
    return " ".join(str(cause or "").split())
