"""A message to a Slack channel, by an incoming webhook.

Of the webhook's address, https://hooks.slack.com/services/T000/B000/XXXX, the Airflow connection's host is the part up
to `services`. Its password is the rest: whoever knows that may write to the channel.
"""

import json

from dags.notifications.channels import delivery
from dags.notifications.message import Message
from tasks.settings.notifications import Channel

LONGEST = 3500  # characters; Slack cuts long texts at 4,000: https://docs.slack.dev/changelog/2018-truncating-really-long-messages
# https://docs.slack.dev/messaging/formatting-message-text#escaping
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def send(channel: Channel, message: Message) -> None:
    """POST it; raises as `delivery.connection` and `delivery.post`."""
    found = delivery.connection(channel.connection, "host", "password")
    url = f"{delivery.address(found).rstrip('/')}/{found.password.lstrip('/')}"
    body = json.dumps({"text": text(message)}).encode()
    delivery.post(url, body, {"Content-Type": "application/json"})


def text(message: Message) -> str:
    """The message, in which no text of a report becomes a mention or a command of Slack's."""
    whole = f"{message.heading}\n{message.text}"
    cut = whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"
    return cut.translate(ESCAPED)
