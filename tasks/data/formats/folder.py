"""The format `folder`: image files in a folder for each class, or beside a table that names their labels.

It takes the conventions of Hugging Face's imagefolder (https://huggingface.co/docs/datasets/image_dataset): folders
such as `train`, `dev` and `test` above those of the classes, or `metadata.csv`, `.jsonl` or `.parquet`. Files that are
hidden, or are no images by their names, are passed over.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow
from pyarrow import parquet

from tasks.data.part import (
    PART_WORDS,
    Given,
    Sample,
    is_hidden,
    label_text,
    listed,
    part_in,
    shown,
    tells_of_content,
)
from tasks.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FILE_NAME, LABEL, GROUP = "file_name", "label", "group"
DAMAGE = (OSError, ValueError, TypeError, ArithmeticError, RecursionError, csv.Error, pyarrow.ArrowException)
Row = tuple[str, Mapping[str, Any]]  # its place, for messages, and its cells


def samples(files: Sequence[Given], labels: str | None = None) -> Iterator[Sample]:
    """The images among `files`, by name; each is read when it is asked for.

    Where there are tables, they name every image, from their own folder on; `labels` is the column that counts.

    Raises:
        DataError: there are no images, or one has no class, or a table and the files do not fit together.
    """
    visible = {file.name: file for file in sorted(files) if not is_hidden(file.name)}
    images = [name for name in visible if name.lower().endswith(SUFFIXES)]
    tables = [file for name, file in visible.items() if name.rpartition("/")[2] in READERS]
    if tables:
        yield from _of_tables(tables, visible, images, labels or LABEL)
    else:
        yield from _of_folders([visible[name] for name in images])


def _of_folders(images: Sequence[Given]) -> Iterator[Sample]:
    if not images:
        raise DataError(f"expected image files ({', '.join(SUFFIXES)}), received none; check the location")
    if outside := [file.name for file in images if not _is_in_class(file)]:
        raise DataError(
            f"{listed(outside)}: expected each image in a folder of its class, as rose/1.jpg or train/rose/1.jpg, "
            f"or a metadata.csv that names their labels, received {len(outside):,} images in neither; move them, or "
            "add the table"
        )
    for file in images:
        *above, label = _folders(file.name)
        yield Sample(file.name, label, file.path.read_bytes, part_in(above))


def _is_in_class(file: Given) -> bool:
    """Whether the folder that holds a file is there, and names no part."""
    folders = _folders(file.name)
    return bool(folders) and folders[-1].lower() not in PART_WORDS


def _folders(name: str) -> list[str]:
    """The folders above a file, from the top. A path of `pathlib` would say the same, at five times the cost."""
    return [folder for folder in name.split("/")[:-1] if folder]


def _of_tables(
    tables: Sequence[Given], files: Mapping[str, Given], images: Sequence[str], column: str
) -> Iterator[Sample]:
    named = _named(tables, column)
    if missing := sorted({*named} - {*files}):
        raise DataError(
            f"{listed(missing)}: expected the files that the metadata name, received none of {len(missing):,} of them; "
            f"correct {FILE_NAME}, which starts at the table's own folder, or add the files"
        )
    if unnamed := [name for name in images if name not in named]:
        raise DataError(
            f"{listed(unnamed)}: expected every image in the metadata, received {len(unnamed):,} that they do not "
            "name; add rows, or take the files away"
        )
    for name in sorted(named):
        label, group = named[name]
        yield Sample(name, label, files[name].path.read_bytes, part_in(_folders(name)), group)


def _named(tables: Sequence[Given], column: str) -> dict[str, tuple[str, str | None]]:
    """Label and group of every file that the tables name."""
    found: dict[str, tuple[str, str | None]] = {}
    for table in tables:
        folder = PurePosixPath(table.name).parent
        for place, row in _rows(table):
            try:
                name = str(folder / _cell(row, FILE_NAME))
                group = label_text(row[GROUP]) if row.get(GROUP) not in (None, "") else None
                label = _cell(row, column)
            except ValueError as error:
                raise DataError(f"{place}: {error}; correct the table") from None
            if name in found:
                raise DataError(f"{place}: expected each file once, received {shown(name)} again; take a row away")
            found[name] = label, group
    return found


def _cell(row: Mapping[str, Any], column: str) -> str:
    """What the row says in a column that it must have."""
    if column not in row:
        raise ValueError(f"expected a column {column!r}, received {listed([str(name) for name in row])}")
    if row[column] in (None, ""):
        raise ValueError(f"expected a value in the column {column!r}, received none")
    try:
        return label_text(row[column])
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from None


def _rows(table: Given) -> Iterator[Row]:
    """The rows of a table of any kind."""
    name = PurePosixPath(table.name).name
    try:
        for number, row in READERS[name](table.path):
            if not isinstance(row, Mapping):
                raise ValueError(f"row {number} is no object with names and values")
            yield f"{shown(table.name)}, row {number}", row
    except MemoryError:
        raise
    except DAMAGE as error:
        if not tells_of_content(error):
            raise
        reason = shown(str(error))
        raise DataError(f"{shown(table.name)}: expected a table, received one that cannot be read ({reason})") from None


def _csv_rows(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        yield from enumerate(csv.DictReader(stream, strict=True), 1)


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, json.loads(line)


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    with parquet.ParquetFile(path, arrow_extensions_enabled=False) as table:
        rows = (row for batch in table.iter_batches(use_threads=False) for row in batch.to_pylist())
        yield from enumerate(rows, 1)


READERS = {"metadata.csv": _csv_rows, "metadata.jsonl": _jsonl_rows, "metadata.parquet": _parquet_rows}
