"""Who is told what: the channels of notifications, each over a connection of Airflow."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.settings.values import Frozen, Name, Number, Text

Occasion = Literal["failed", "partial", "verdict_changed", "promoted", "waiting_for_approval", "always"]


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
    to: tuple[Text, ...] = ()
    on: tuple[Occasion, ...] = Field(min_length=1)


class Notifications(Frozen):
    """What is told, and how.

    Attributes:
        page: the address at which people reach Airflow's UI, for the links; empty: a message names the run alone.
        expected_hours: a run that takes longer is told of; None: no run is.
        channels: by their names.
    """

    page: str = ""
    expected_hours: Annotated[Number, Field(gt=0, le=8760)] | None = None
    channels: dict[Name, Channel] = Field(default_factory=dict)
