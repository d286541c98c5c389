"""The tasks that tell people: one for each channel, so that a retry repeats its own channel alone.

They come after all other work, and before `complete`, which alone decides how a run ends and does not count them: so a
dead channel fails no run, and a failed run stays a failed one. They are no teardown tasks: Airflow would run these in a
run that a person stops, and then take it for a success.
"""

import os
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, TaskGroup, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from dags.notifications.channels import email, slack, webhook
from dags.notifications.message import Compose
from tasks.environment import put_back
from tasks.settings.notifications import Channel, Notifications, Occasion

SENDING = {"email": email.send, "webhook": webhook.send, "slack": slack.send}
# What every such task has, whatever the DAG's own defaults are. A channel that is down delays a run's end by 3 minutes.
PATIENCE: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(minutes=5),
    "do_xcom_push": False,
}


class Notification(BaseOperator):
    """Tells one channel what `compose` makes of the run, or is skipped where that does not concern it."""

    def __init__(self, *, channel: Channel, told: Notifications, compose: Compose, **options: Any) -> None:
        super().__init__(**options)
        self.channel, self.told, self.compose = channel, told, compose

    def execute(self, context: Any) -> None:
        """Tell the channel.

        Raises:
            AirflowSkipException: there is nothing to tell it.
            UndeliveredError: it did not take the message.
            AirflowFailException: it cannot take it, whatever is tried.
        """
        message = self.compose(context, self.told)
        if message is None or not message.concerns(self.channel):
            raise AirflowSkipException(f"none of these happened: {', '.join(self.channel.on)}; no message is sent")
        # A channel may be beyond the proxy of this machine, which passed through Airflow under another name.
        os.environ.update(put_back(os.environ))
        SENDING[self.channel.kind](self.channel, message)
        self.log.info("told: %s", message.heading)


def notify(
    told: Notifications,
    compose: Compose,
    occasions: Collection[Occasion],
    *,
    group: str = "notify",
    rule: TriggerRule = TriggerRule.ALL_DONE,
) -> list[Any]:
    """The tasks of the channels that hear one of `occasions`, in a group; nothing where there are none.

    By the default `rule` they start however what is before them ended.
    """
    if not (channels := told.hearing(*occasions)):
        return []
    with TaskGroup(group, tooltip="Tell people. What happens here does not change how the run ends."):
        return [_telling(name, channel, told, compose, rule) for name, channel in channels.items()]


def _telling(name: str, channel: Channel, told: Notifications, compose: Compose, rule: TriggerRule) -> Any:
    words = f"Tell people by {channel.kind}: {', '.join(channel.on)}. Skipped if none of these happened."
    options = {"trigger_rule": rule, "doc_md": words, **PATIENCE}
    return Notification(task_id=name, channel=channel, told=told, compose=compose, **options)
