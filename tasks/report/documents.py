"""The report's documents: the comparison as JSON, its views, and the digests of all files of a report."""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from tasks.comparison.schema.models import Earlier, Replicate
from tasks.comparison.schema.report import Comparison
from tasks.report import pages
from tasks.report.pages.html import to_html
from tasks.report.pages.markdown import to_markdown
from tasks.report.pages.notebook import to_notebook
from tasks.report.pages.table import to_csv
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.artifacts import digest_of
from tasks.storage.provenance import code_digest

CHECKSUMS = "SHA256SUMS"
# The documents, and what the bytes of each depend on beside the comparison: `renderer` says which these are here.
DOCUMENTS = {
    "report.json": ("schema",),
    "report.html": ("schema", "code", "jinja2", "matplotlib", "pillow", "machine"),
    "report.md": ("schema", "code", "jinja2"),
    "report.csv": ("schema", "code"),
    "explore.ipynb": ("schema", "code", "jinja2"),
}
OVERVIEW = "../report.html"  # from the page of one dataset of many
PARTS = "datasets/"  # begins the names of the files of single datasets
LATER = frozenset({"explore.ipynb"})  # those that a report of an early release may lack


def part_names(dataset: str) -> tuple[str, str]:
    """The files that a report of many datasets has for each: its comparison, and its page."""
    return f"{PARTS}{dataset}.json", f"{PARTS}{dataset}.html"


def all_parts(request: Request) -> list[str]:
    """The files that a report of this request has for its datasets; none where one page compares all."""
    return [name for each in request.datasets if request.has_pages for name in part_names(each.name)]


def part_page(comparison: Comparison) -> str:
    """The page of one dataset of many, which leads to that of all."""
    return to_html(comparison, OVERVIEW)


def to_json(comparison: Comparison) -> str:
    """The comparison as a document."""
    return comparison.model_dump_json(indent=1) + "\n"


def render(comparison: Comparison) -> dict[str, bytes]:
    """Every document by its file name, in UTF-8; the same comparison always gives the same bytes."""
    documents = {
        "report.json": to_json(comparison),
        "report.html": to_html(comparison),
        "report.md": to_markdown(comparison),
        "report.csv": to_csv(comparison),
        "explore.ipynb": to_notebook(comparison),
    }
    return {name: text.encode() for name, text in documents.items()}


def renderer() -> dict[str, str]:
    """What renders here: releases, digests of the schema, of the code and its templates, and the kind of processor."""
    templates = sorted(path for path in Path(pages.__path__[0]).iterdir() if path.suffix in (".j2", ".css"))
    code = code_digest((__name__,)), {path.name: path.read_text(encoding="utf-8") for path in templates}
    return {
        "schema": digest_of(Comparison.model_json_schema())[:12],
        "code": digest_of(code)[:12],
        "jinja2": metadata.version("jinja2"),
        "matplotlib": metadata.version("matplotlib"),
        "pillow": metadata.version("pillow"),
        "machine": platform.machine(),
    }


def made_by(name: str, renderer: Mapping[str, str]) -> dict[str, str]:
    """What of `renderer` the bytes of the document `name` depend on; a part is like the document of its kind."""
    kind = f"report.{name.rpartition('.')[2]}" if name.startswith(PARTS) else name
    return {part: renderer.get(part, "of an unknown release") for part in DOCUMENTS[kind]}


def with_predictions(comparison: Comparison) -> list[Replicate | Earlier]:
    """Every model of the report whose predictions it publishes."""
    models = [model for dataset in comparison.datasets for model in dataset.models]
    earlier = [model.earlier for model in models if model.earlier and model.earlier.predictions]
    return [*(replicate for model in models for replicate in model.replicates), *earlier]


def prediction_files(comparison: Comparison) -> dict[str, str]:
    """The digest of every file of predictions, by its name in the report."""
    start = report_key(comparison.run)
    return {
        str(each.predictions).removeprefix(start): str(each.predictions_sha256) for each in with_predictions(comparison)
    }


def checksums(comparison: Comparison, documents: Mapping[str, bytes], parts: Mapping[str, str] | None = None) -> bytes:
    """A line for every file of the report, for `sha256sum --check`: documents, predictions, and `parts` by digest."""
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in documents.items()}
    digests |= prediction_files(comparison) | dict(parts or {})
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
