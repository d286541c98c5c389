"""A message to people, and its form as plain text. It repeats reports, so any of it may be the text of a user."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tasks.settings.notifications import Channel, Notifications, Occasion
from tasks.settings.workflow import REPORT_PAGES

LONGEST_SUBJECT = 120  # characters
NAME = "Like for Like"


@dataclass(frozen=True)
class Message:
    """What happened, for people.

    Attributes:
        occasions: all that apply; a channel that hears one of them, or every one, tells the message.
        dag, run: the run of Airflow that it is about, by its id there.
        subject: in a few words.
        lines: the first says the verdict, or why there is none.
        dataset: where it is about one.
        verdicts: of the report; none where there is none.
        failed: the tasks that failed.
        changed: what changed since the last run, in a sentence.
        links: addresses by what they lead to; none where nobody said how people reach Airflow's UI.
    """

    occasions: tuple[Occasion, ...]
    dag: str
    run: str
    subject: str
    lines: tuple[str, ...]
    dataset: str | None = None
    verdicts: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    changed: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, channel: Channel) -> bool:
        """Whether the channel is used on one of these occasions."""
        return channel.hears(*self.occasions)

    @property
    def heading(self) -> str:
        """The subject as one visible line: no character in it begins another header."""
        text = " ".join(_seen(f"{NAME}: {self.subject}").split())
        return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 1]}…"

    @property
    def text(self) -> str:
        """All of it in plain text."""
        about = {**self.links, "Run": _seen(self.run)}
        foot = "\n".join(f"{name}: {value}" for name, value in about.items())
        parts = ("\n".join(_seen(line) for line in self.lines), _seen(self.changed or ""), foot)
        return "\n\n".join(part for part in parts if part)


# Makes of a task's context, and of whom to tell, the message about a run; None where there is nothing to tell.
Compose = Callable[[Any, Notifications], Message | None]


def _seen(text: str) -> str:
    """`text` with a blank for each control character, and for each that changes the order of others."""
    return "".join(" " if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") else each for each in text)


def run_page(page: str, dag: str, run: str) -> str:
    """The address of a run in Airflow's UI, which `page` is the start of."""
    return f"{page}/dags/{quote(dag, safe='')}/runs/{quote(run, safe='')}"


def report_page(page: str, run: str) -> str:
    """The address of a run's report in Airflow's UI."""
    return f"{page}{REPORT_PAGES}/{quote(run, safe='')}"
