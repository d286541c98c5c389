"""The report's documents: the comparison itself as JSON, and its views."""

from tasks.comparison import Comparison
from tasks.report.html import to_html
from tasks.report.markdown import to_markdown
from tasks.report.table import to_csv


def render(comparison: Comparison) -> dict[str, bytes]:
    """Every document by its file name, in UTF-8; the same comparison always gives the same bytes."""
    documents = {
        "report.json": comparison.model_dump_json(indent=1) + "\n",
        "report.html": to_html(comparison),
        "report.md": to_markdown(comparison),
        "report.csv": to_csv(comparison),
    }
    return {name: text.encode() for name, text in documents.items()}
