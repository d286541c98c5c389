"""A message as an e-mail in plain text, over the SMTP server of an Airflow connection of the type `smtp`."""

import logging
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import cast

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.notifications.channels import delivery
from dags.notifications.channels.delivery import UndeliveredError
from dags.notifications.message import NAME, Message
from tasks.settings.notifications import Channel

log = logging.getLogger(__name__)


def send(channel: Channel, message: Message) -> None:
    """Send it to all addresses of the channel at once. A warning names those that the server refuses.

    Raises:
        AirflowFailException: there is no such connection, or it lacks the sender's address.
        UndeliveredError: the server does not take it.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    hook = SmtpHook(smtp_conn_id=channel.connection)
    hook.smtp_connection = delivery.connection(channel.connection, "host")
    sender = hook.from_email or hook.smtp_user
    if "@" not in sender:
        raise AirflowFailException(
            f"connection {channel.connection}: expected `from_email` in its extra, found none; set it"
        )
    try:
        with hook as connected:
            # The hook's own way to send makes HTML of every text.
            client = cast(smtplib.SMTP, connected._smtp_client)
            if refused := client.send_message(letter(message, sender, channel.to)):
                log.warning("%s does not take it for %s", channel.connection, ", ".join(sorted(refused)))
    except (smtplib.SMTPException, AirflowException, OSError) as error:
        place = f"{hook.host}:{hook.port}"
        raise UndeliveredError(f"{channel.connection}: {place}: {type(error).__name__}: {error}") from None


def letter(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The e-mail, which says that no person wrote it (https://www.rfc-editor.org/rfc/rfc3834#section-5)."""
    mail = EmailMessage()
    mail["Subject"] = message.heading
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or None)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Mailer"] = NAME
    mail.set_content(f"{message.text}\n", cte="quoted-printable")
    return mail
