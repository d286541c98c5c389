"""A message as a signed JSON document, POSTed to the address of an Airflow connection of the type `http`.

The connection's password is the key of the signature. `X-Like-For-Like-Signature: t=SECONDS,v1=HEX` holds the moment of
the attempt, in seconds since 1970, and the HMAC-SHA256 of `SECONDS`, a full stop and the body. A receiver computes it
again, compares in constant time, and refuses a moment that is minutes away: then nobody can send an old one again.
"""

import hashlib
import hmac
import json
import time

from dags.notifications.channels import delivery
from dags.notifications.message import Message
from tasks.settings.notifications import Channel

SIGNATURE = "X-Like-For-Like-Signature"
VERSION = 1  # of the document; a field may be added without a new one


def send(channel: Channel, message: Message) -> None:
    """POST it; raises as `delivery.connection` and `delivery.post`."""
    found = delivery.connection(channel.connection, "host", "password")
    body = document(message)
    headers = {"Content-Type": "application/json", SIGNATURE: signature(body, found.password, int(time.time()))}
    delivery.post(delivery.address(found), body, headers)


def document(message: Message) -> bytes:
    """The message as JSON. `id` is the same for every attempt to send it."""
    told = {
        "version": VERSION,
        "occasions": message.occasions,
        "dag": message.dag,
        "run": message.run,
        "dataset": message.dataset,
        "subject": message.heading,
        "headline": message.lines[0],
        "text": message.text,
        "verdicts": message.verdicts,
        "failed": message.failed,
        "changed": message.changed,
        "links": dict(message.links),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return json.dumps({"id": digest[:32], **told}, ensure_ascii=False).encode()


def signature(body: bytes, key: str, seconds: int) -> str:
    """The value of the header SIGNATURE."""
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
