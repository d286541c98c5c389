"""Where answers go: each kind of file holds all of them under its name, or there is no file."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from pyarrow import parquet

from tasks.errors import RequestError
from tasks.registry.prediction import outputs
from tasks.registry.prediction.answers import Answer
from tasks.registry.prediction.outputs import COLUMNS

NAME = 'two\nlines, "quoted"; ü 大 \u202egnp.png'
ANSWERS = [
    Answer(NAME, "cat", 0.1 + 0.2, "dog", 1e-9, "cow", 0.0),
    Answer("b.png", "dog", 0.9, "cat", 0.1),
    Answer("c.txt", error="not an image"),
    Answer("=1+1", "-dog", 1.0, "cat", 0.0),
]
CLASSES = ["cat", "-dog", "cow"]


def written(path, batches=(ANSWERS,)):
    with outputs.opened(path, io.StringIO(), CLASSES) as write:
        for batch in batches:
            write(batch)


def test_csv_has_every_answer(tmp_path):
    """Numbers lose nothing, null is empty, and no text begins as a formula of a spreadsheet does."""
    written(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    assert tuple(head) == COLUMNS
    assert rows[0] == [NAME, "cat", repr(0.1 + 0.2), "dog", "1e-09", "cow", "0.0", ""]
    assert rows[2] == ["c.txt", *[""] * 6, "not an image"]
    assert rows[3][:2] == ["'=1+1", "'-dog"]


def test_jsonl_has_every_answer(tmp_path):
    """An object a line, whatever the names have in them."""
    written(tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_bytes().decode().removesuffix("\n").split("\n")
    assert [tuple(json.loads(line).values()) for line in lines] == [tuple(answer) for answer in ANSWERS]
    assert tuple(json.loads(lines[0])) == COLUMNS


def test_parquet_has_every_answer(tmp_path, monkeypatch):
    """Written in groups of rows, the last of which may be smaller."""
    monkeypatch.setattr(outputs, "ROW_GROUP", 3)
    written(tmp_path / "a.parquet", [ANSWERS[:2], ANSWERS[2:], ANSWERS[:1]])
    table = parquet.read_table(tmp_path / "a.parquet")
    assert tuple(table.column_names) == COLUMNS
    assert [tuple(row.values()) for row in table.to_pylist()] == [tuple(each) for each in [*ANSWERS, ANSWERS[0]]]
    assert parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups == 2


@pytest.mark.parametrize("suffix", outputs.WRITERS)
def test_a_file_has_its_name_when_it_is_whole(tmp_path, suffix):
    """Until then the earlier file of that name stands; what is not finished is hidden."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"earlier")
    with outputs.opened(path, io.StringIO(), CLASSES) as write:
        write(ANSWERS)
        assert path.read_bytes() == b"earlier"
        assert all(each.name.startswith(".") for each in tmp_path.iterdir() if each != path)
    assert path.read_bytes() != b"earlier"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("suffix", outputs.WRITERS)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_nothing_is_left(tmp_path, suffix, error):
    """No half of a file, under no name."""

    def fail():
        with outputs.opened(tmp_path / f"a{suffix}", io.StringIO(), CLASSES) as write:
            write(ANSWERS)
            raise error

    with pytest.raises(error):
        fail()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("suffix", outputs.WRITERS)
def test_without_answers_a_file_has_its_columns(tmp_path, suffix):
    """A reader finds a table without rows; of JSON Lines, nothing."""
    written(tmp_path / f"a{suffix}", [])
    assert (tmp_path / f"a{suffix}").exists()


def test_lines_on_a_terminal():
    """One a file, with its name at the end, which cannot break the line or reverse it; a reason stands for the rest."""
    stream = io.StringIO()
    with outputs.opened(None, stream, CLASSES) as write:
        write(ANSWERS)
    head, first, second, third, _ = stream.getvalue().splitlines()
    assert head.split() == ["class", "second", "third", "name"]
    assert first.split()[:6] == ["cat", "30.00%", "dog", "0.00%", "cow", "0.00%"]
    assert first.endswith('two\\nlines, "quoted"; \\xfc \\u5927 \\u202egnp.png')
    assert second.endswith("b.png")
    assert second.index("b.png") == head.index("name")
    assert third == "c.txt: not an image"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.xls", ".csv, .jsonl, .parquet"),
        ("a", ".csv"),
        ("no/a.csv", "folder"),
        ("b.csv", "folder"),
        (f"{'x' * 300}.csv", "folder"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path, name, expected):
    """Another kind, a folder that is not there, the name of a folder, and a name that is too long."""
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(RequestError, match=expected):
        outputs.check(Path(tmp_path, name))


def test_a_folder_that_must_not_be_written_to_is_refused(tmp_path, monkeypatch):
    """Before a model is loaded: a mounted folder is often somebody else's."""
    monkeypatch.setattr("os.access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(RequestError, match="that this user may write to"):
        outputs.check(tmp_path / "a.csv")


def test_a_name_as_long_as_may_be_is_written(tmp_path):
    """What is not finished has no longer name."""
    path = tmp_path / f"{'x' * 251}.csv"
    written(path)
    assert [*tmp_path.iterdir()] == [path]
