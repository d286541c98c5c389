"""How a document reaches a server by POST. What is said where it does not repeats no address: that is a secret."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from tasks.errors import DiscreetError

TIMEOUT = (10, 30)  # seconds, for the connection and for the answer
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


class UndeliveredError(DiscreetError, RuntimeError):
    """A channel did not take a message; a later attempt may succeed."""


def connection(name: str, *needed: str) -> Any:
    """The Airflow connection of that id, which has the `needed` fields.

    Raises:
        AirflowFailException: there is none, or it lacks one of them.
    """
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"connection: expected an Airflow connection named {name!r}, found none; `airflow connections add` it"
        ) from None
    for field in needed:
        if not getattr(found, field):
            raise AirflowFailException(f"connection {name}: expected a {field}, found none; set it")
    return found


def address(found: Any) -> str:
    """Where a connection of the type `http` leads: its host may be a whole address, as Airflow's own hooks read it."""
    if "://" in found.host:
        return str(found.host)
    port = f":{found.port}" if found.port else ""
    return f"{found.schema or 'https'}://{found.host}{port}"


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST `body`. An answer of 200 to 299 is a success; nothing is sent on to where another address leads.

    Raises:
        UndeliveredError: the server cannot be reached, or asks to be tried later.
        AirflowFailException: it refuses, which no retry mends.
    """
    import requests

    try:
        with requests.post(url, body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answered:
            status = answered.status_code
    except (requests.RequestException, OSError) as error:  # its text repeats the address
        raise UndeliveredError(f"{_host(url)}: expected an answer, received {type(error).__name__}") from None
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    reason = f"{_host(url)}: expected an answer of 200 to 299, received {status}"  # its text may repeat the address too
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
        raise AirflowFailException(reason)
    raise UndeliveredError(reason)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "a connection without a host"
    except ValueError:
        return "a connection without an address"
