"""The report's documents: the comparison as JSON, its views, and the digests of all files of a report."""

import hashlib
from collections.abc import Mapping

from tasks.comparison.schema import Comparison
from tasks.report.pages.html import to_html
from tasks.report.pages.markdown import to_markdown
from tasks.report.pages.table import to_csv
from tasks.settings.workflow import report_key

CHECKSUMS = "SHA256SUMS"


def render(comparison: Comparison) -> dict[str, bytes]:
    """Every document by its file name, in UTF-8; the same comparison always gives the same bytes."""
    documents = {
        "report.json": comparison.model_dump_json(indent=1) + "\n",
        "report.html": to_html(comparison),
        "report.md": to_markdown(comparison),
        "report.csv": to_csv(comparison),
    }
    return {name: text.encode() for name, text in documents.items()}


def checksums(comparison: Comparison, documents: Mapping[str, bytes]) -> bytes:
    """A line for every document and every file of predictions of the report, for `sha256sum --check`."""
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in documents.items()}
    for replicate in (r for dataset in comparison.datasets for model in dataset.models for r in model.replicates):
        digests[replicate.predictions.removeprefix(report_key(comparison.run))] = str(replicate.predictions_sha256)
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
