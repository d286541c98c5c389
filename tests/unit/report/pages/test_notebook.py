"""The notebook of a report is a file like the others: valid, the same every time, and without outputs."""

import json

import nbformat
import pytest

from tasks.comparison.assembly import compare
from tasks.report.pages.notebook import to_notebook
from tests.support import synthetic


@pytest.fixture(scope="module")
def notebook():
    return nbformat.reads(_made(), as_version=4)


def _made():
    request = synthetic.request()
    facts, records = synthetic.facts(request), synthetic.records(request)
    return to_notebook(compare(request, synthetic.everything(request), records, facts, synthetic.ENVIRONMENT))


def test_it_is_a_notebook_without_outputs(notebook):
    """Jupyter's own schema holds, every cell has an id of its own, and nothing was run."""
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all((cell.outputs, cell.execution_count) == ([], None) for cell in code)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells) > 10


def test_the_same_report_gives_the_same_bytes():
    """No id is drawn, and no moment is written."""
    assert _made() == _made()


def test_the_first_cell_says_what_it_needs(notebook):
    """Which run it is of, and what to install; every other text has a heading."""
    first, *others = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert first.startswith("# Explore the report of run `quick-1`\n")
    assert "    pip install pandas matplotlib numpy jupyter\n" in first
    assert all(text.startswith("## ") for text in others)


def test_every_cell_is_python_that_compiles(notebook):
    """No mark of the template is left in one, and it imports nothing of this project."""
    for cell in notebook.cells:
        assert "%%" not in cell.source
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")
            assert "tasks" not in cell.source


def test_a_line_of_the_file_is_a_line_of_a_cell():
    """It reads well in a difference: sources are lists of lines."""
    cells = json.loads(_made())["cells"]
    assert all(line.count("\n") <= 1 for cell in cells for line in cell["source"])
