"""A notebook run as a stranger runs it: in its own folder, by a kernel that knows nothing of this project."""

from pathlib import Path

import nbformat

from tests.support.lazy import Lazy
from tests.support.patience import PATIENCE

nbclient = Lazy("nbclient")
ALONE = """\
import importlib.util
assert importlib.util.find_spec("tasks") is None, "the kernel can import this project"
"""


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook at `path` with the outputs of all its cells.

    Raises:
        CellExecutionError: a cell fails.
    """
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    nbformat.validate(notebook)
    run = nbformat.from_dict(notebook | {"cells": [*notebook.cells, nbformat.v4.new_code_cell(ALONE)]})
    resources = {"metadata": {"path": str(path.parent)}}
    return nbclient.NotebookClient(run, timeout=PATIENCE, resources=resources).execute()


def outputs(notebook: nbformat.NotebookNode) -> str:
    """All that its cells show, as HTML where there is some, else as text."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert "stream" not in {output.output_type for output in shown}, "a cell printed a warning"
    return "\n".join(output.data.get("text/html") or output.data["text/plain"] for output in shown)
