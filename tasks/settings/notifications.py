"""Who is told what: the channels of notifications, each over a connection of Airflow."""

from datetime import timedelta
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tasks.settings.values import Frozen, Name, Number, Text, matching

Occasion = Literal["failed", "partial", "verdict_changed", "promoted", "waiting_for_approval", "late", "always"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)
MAX_PAGE = 500  # characters
# One address alone, without a name and without what would end it in a header.
MailAddress = Annotated[
    str,
    matching(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,189}", "an address such as team@example.org"),
]


def checked_page(text: str) -> str:
    """`text` itself, without a slash at its end: an address of http(s) that a message may repeat, or nothing.

    Raises:
        ValueError: it is anything else, or holds more than a server and a path: a login, a query or a fragment.
    """
    parts = urlsplit(text)
    if not text:
        return text
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > MAX_PAGE or not text.isprintable():
        raise ValueError(f"expected https:// or http:// and a host, at most {MAX_PAGE} printable characters")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no user name and no password in an address that every message repeats")
    if parts.query or parts.fragment or " " in text:
        raise ValueError("expected an address that ends with its host or a path, without ?, # or a blank")
    return text.rstrip("/")


class Channel(Frozen):
    """One way to tell people.

    Attributes:
        kind: an e-mail over an SMTP server, a signed JSON document by POST, or a Slack incoming webhook.
        connection: the id of the Airflow connection with its address and its credentials.
        to: the addresses of an e-mail.
        on: the occasions on which it is used.
    """

    kind: Literal["email", "webhook", "slack"]
    connection: Text
    to: tuple[MailAddress, ...] = ()
    on: tuple[Occasion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_receivers(self):
        if self.kind == "email" and not self.to:
            raise ValueError("to: expected one or more addresses of an e-mail, received none")
        if self.kind != "email" and self.to:
            raise ValueError("to: expected none, as the connection says whom it reaches; leave it out")
        return self

    def hears(self, *occasions: Occasion) -> bool:
        """Whether one of these occasions is among its own."""
        return "always" in self.on or not {*occasions}.isdisjoint(self.on)


class Notifications(Frozen):
    """What is told, and how.

    Attributes:
        page: the address at which people reach Airflow's UI, for the links; empty: a message names the run alone.
        expected_hours: a run that takes longer is told of; None: no run is.
        channels: by their names.
    """

    page: Annotated[str, AfterValidator(checked_page)] = ""
    expected_hours: Annotated[Number, Field(gt=0, le=8760)] | None = None
    channels: dict[Name, Channel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tells_somebody_of_late_runs(self):
        if self.expected_hours and not self.hearing("late"):
            raise ValueError(
                'expected_hours: expected a channel with "late" or "always" in `on`, found none: nobody would be told'
            )
        return self

    @property
    def expected(self) -> timedelta | None:
        """How long a run may take before it is told of."""
        return None if self.expected_hours is None else timedelta(hours=self.expected_hours)

    def hearing(self, *occasions: Occasion) -> dict[str, Channel]:
        """The channels that are used on one of these occasions."""
        return {name: channel for name, channel in self.channels.items() if channel.hears(*occasions)}
