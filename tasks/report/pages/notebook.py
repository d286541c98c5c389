"""`explore.ipynb`: a notebook that looks at a report from its own files, with nothing of this project installed.

Its cells stand in the template `explore.py.j2`, in the percent format of Jupytext and of editors. Source of the format:
https://nbformat.readthedocs.io/en/latest/format_description.html
"""

import json
import re
from typing import Any

from tasks.comparison.schema.report import Comparison
from tasks.report.pages.templates import render_template

CELL = re.compile(r"^# %%( \[markdown\])?$", re.M)
PYTHON = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def to_notebook(comparison: Comparison) -> str:
    """The notebook in JSON, without outputs; of the comparison it holds the run's name alone."""
    _, *parts = CELL.split(render_template("explore.py.j2", comparison))
    pairs = zip(parts[::2], parts[1::2], strict=True)
    cells = [_cell(number, mark, text.strip("\n")) for number, (mark, text) in enumerate(pairs, 1)]
    notebook = {"cells": cells, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, mark: str | None, text: str) -> dict[str, Any]:
    """One cell: of text where it is marked so, whose lines are comments in the template; else of code."""
    cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
    if mark:
        text = re.sub(r"^# ?", "", text, flags=re.M)
        return cell | {"cell_type": "markdown", "source": text.splitlines(keepends=True)}
    source = text.splitlines(keepends=True)
    return cell | {"cell_type": "code", "execution_count": None, "outputs": [], "source": source}
