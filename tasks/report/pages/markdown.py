"""`report.md`: the tables of the report, for a terminal, an issue or a wiki."""

import re

from markupsafe import Markup

from tasks.comparison.schema.report import Comparison
from tasks.report.pages.lines import isolated
from tasks.report.pages.templates import render_template


def to_markdown(comparison: Comparison) -> str:
    """The report in GitHub-flavoured Markdown; no text in it can make a row, a link or an HTML element."""
    return render_template("report.md.j2", comparison, finish=escaped)


def escaped(value: object) -> Markup:
    r"""Any text on one line, with a backslash before every character that means something in Markdown or HTML.

    An underscore inside a word is left alone: it means nothing in Markdown, and a backslash would disturb a reader.
    """
    line = isolated(" ".join(str(value).split()))
    return Markup(re.sub(r"([\\`*\[\]<>|~&#!]|(?<!\w)_|_(?!\w))", r"\\\1", line))  # noqa: S704
