"""Faults of a transfer over HTTP: what was the cause, whether waiting helps, and what a person can do."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import HTTPError

from tasks.errors import DataError, DiscreetError, redacted

FAULTS = (requests.RequestException, HTTPError)  # of a transfer over HTTP
WORTH_WAITING = {408, 425, 429}  # of 400 to 499
NOT_WORTH_WAITING = {501, 505}  # of 500 to 599
PROXY_LOGIN = 407
PROXIES = "HTTP_PROXY and HTTPS_PROXY"
LOGIN = (
    f"expected the file, the proxy asks for a login (HTTP {PROXY_LOGIN}); "
    f"put the user and the password into the proxy's address in {PROXIES}"
)
LEADS_NOWHERE = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.TooManyRedirects)


class DownloadError(DiscreetError, RuntimeError):
    """An address gave nothing, and a later attempt may succeed; `pause` is how many seconds the server asks to wait."""

    def __init__(self, message: str, pause: float = 0.0):
        super().__init__(message)
        self.pause = pause


@contextmanager
def explaining(address: str) -> Iterator[None]:
    """What the transfer from `address` in the block raises, in our words.

    Raises:
        DataError: no later attempt can succeed.
        DownloadError: one may.
        OSError: it is this machine's disk, which is no fault of the address.
    """
    try:
        yield
    except FAULTS as error:
        raise explained(address, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise explained(address, error) from None


def explained(address: str, error: Exception) -> DataError | DownloadError:
    """The fault of a transfer from `address` in our words: DataError where no later attempt can succeed."""
    answer, causes = getattr(error, "response", None), list(_causes(error))
    if answer is not None:
        return _of_status(address, answer)
    if reason := _lasting(error, causes):
        return DataError(f"{address}: {reason}")
    if isinstance(error, requests.exceptions.ProxyError):
        return DownloadError(f"{address}: expected the proxy to connect, received {_line(causes[-1])}; check {PROXIES}")
    return DownloadError(f"{address}: expected an answer, received {_line(causes[-1])}")


def _of_status(address: str, answer: requests.Response) -> DataError | DownloadError:
    """The fault that a status of 400 or more is."""
    status = answer.status_code
    if status == PROXY_LOGIN:
        return DataError(f"{address}: {LOGIN}")
    if status in NOT_WORTH_WAITING or (status < 500 and status not in WORTH_WAITING):
        return DataError(f"{address}: expected the file, received HTTP {status}; check the address")
    pause = _retry_after(answer.headers.get("Retry-After", ""))
    asked = f", to be asked again after {pause:.0f} s" if pause else ""
    return DownloadError(f"{address}: expected the file, received HTTP {status}{asked}", pause)


def _lasting(error: Exception, causes: Sequence[BaseException]) -> str:
    """Why no later attempt can succeed, and what to do; nothing where one may."""
    what = _line(causes[-1])
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"expected a certificate that this machine trusts, received one that it does not "
                f"({cause.verify_message}); name the certificates of your own authority in REQUESTS_CA_BUNDLE"
            )
    if f"failed: {PROXY_LOGIN}" in what:  # a tunnel's; what a proxy answers itself has a status
        return LOGIN
    if "certificate bundle" in what:
        return f"{what}; correct REQUESTS_CA_BUNDLE, or unset it"
    if isinstance(error, requests.exceptions.InvalidProxyURL) or "SOCKS" in what:
        return f"expected the address of an HTTP proxy in {PROXIES}, received another ({what})"
    if isinstance(error, LEADS_NOWHERE):
        return f"expected the file, the address leads nowhere ({what}); check it"
    return ""


def _retry_after(text: str) -> float:
    """The seconds that a server asks to wait, as a number or as a date; 0 when it says nothing that can be read.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it wraps, outermost first: requests wraps urllib3's errors, which wrap the system's."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inside = (getattr(inner, "reason", None), *inner.args, inner.__cause__)
        inner = next((part for part in inside if isinstance(part, BaseException)), None)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(redacted(str(error)).split())}"[:200]
