"""A real SMTP server on loopback, which keeps what it is sent."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class MailServer:
    """A server: its port, the envelopes of all that it took, and what it answers to a letter, each once."""

    port: int = 0
    envelopes: list[Any] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a letter, or refuse it as `answers` says."""
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer

    @property
    def letters(self) -> list[EmailMessage]:
        """What it took, parsed."""
        return [message_from_bytes(each.content, policy=policy.default) for each in self.envelopes]


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A running server; `options` are aiosmtpd's."""
    kept, loop = MailServer(), asyncio.new_event_loop()
    made = loop.create_server(partial(SMTP, kept, enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0)
    listening = loop.run_until_complete(made)
    kept.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
