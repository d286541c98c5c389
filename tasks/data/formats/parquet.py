"""The format `parquet`: tables of encoded images and their labels, in one file or several, as Hugging Face stores them.

An image is a struct of `bytes` and `path`, or plain bytes. A label is a text, a whole number, or a number whose name is
in the file (https://huggingface.co/docs/datasets/about_dataset_features). Nothing of a type of an extension is made.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from tasks.data.part import Given, Sample, label_text, listed, part_of_file, shown, tells_of_content
from tasks.errors import DataError

IMAGE_NAMES = ("image", "img")
LABEL_NAMES = ("label", "labels", "class")
GROUP = "group"
BYTES = "bytes"
METADATA = b"huggingface"
MAX_REASON = 300  # characters of a message
CORRECT = "correct the file, or name another reader"
BINARY = pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view
TEXT_OR_WHOLE = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer, pa.types.is_boolean,
)  # fmt: skip
ROWS = 64  # that are in memory at a time
BUFFER = 2**20  # bytes that are read of a column at a time


class Columns(NamedTuple):
    """The names of the columns that count, and those of the classes by their number, where the file has them."""

    image: str
    label: str
    group: str | None
    names: tuple[str, ...]


def samples(files: Sequence[Given], labels: str | None = None) -> Iterator[Sample]:
    """The rows of all .parquet files, by name; `labels` is the column that counts. A sample holds its image's bytes.

    The name of a file, or of a folder above it, may say its part, as `test-00000-of-00002.parquet` does.

    Raises:
        DataError: there is no such file, or one is damaged, or has no images, no labels or another type of them.
    """
    tables = sorted(file for file in files if file.name.endswith(".parquet"))
    if not tables:
        raise DataError(f"{listed([file.name for file in files])}: expected .parquet files, received none of them")
    for file in tables:
        yield from _of_table(file, labels)


def _of_table(file: Given, labels: str | None) -> Iterator[Sample]:
    where, part = shown(file.name), part_of_file(file.name)
    place = where
    try:
        with parquet.ParquetFile(
            file.path, pre_buffer=False, buffer_size=BUFFER, arrow_extensions_enabled=False
        ) as table:
            columns = _columns(table.schema_arrow, labels)
            for number, row in enumerate(_rows(table, columns), 1):
                place = f"{where}, row {number}"
                yield _sample(place, row, columns)._replace(part=part)
    except MemoryError:
        raise
    except (OSError, LookupError, ValueError, pa.ArrowException) as error:
        if not tells_of_content(error):
            raise
        raise DataError(f"{place}: {shown(str(error), MAX_REASON)}; {CORRECT}") from None


def _rows(table: parquet.ParquetFile, columns: Columns) -> Iterator[Mapping[str, Any]]:
    """The rows, of which only some are in memory."""
    wanted = [name for name in (columns.image, columns.label, columns.group) if name]
    for batch in table.iter_batches(ROWS, columns=wanted, use_threads=False):
        yield from batch.to_pylist()


def _sample(place: str, row: Mapping[str, Any], columns: Columns) -> Sample:
    group = row[columns.group] if columns.group else None
    return Sample(
        name=place,
        label=_label(row[columns.label], columns.names),
        image=partial(bytes, _body(row[columns.image])),
        group=None if group is None else label_text(group),
    )


def _columns(schema: pa.Schema, labels: str | None) -> Columns:
    """The columns that count, by their types and names.

    Raises:
        ValueError: there are none, or several and no name says which.
    """
    fitting = [field.name for field in schema if _holds_images(field.type)]
    images = [name for name in IMAGE_NAMES if name in fitting][:1] or fitting
    if len(images) != 1:
        raise ValueError(
            "expected one column of images, each a struct of bytes and path, or one that is named image, received "
            f"{listed(schema.names)}"
        )
    label = next((name for name in ((labels,) if labels else LABEL_NAMES) if name in schema.names), None)
    if label is None:
        raise ValueError(
            f"expected a column of labels ({labels or ', '.join(LABEL_NAMES)}), received {listed(schema.names)}"
        )
    if not _holds_labels(schema.field(label).type):
        raise ValueError(f"expected texts or whole numbers in {shown(label)}, received {schema.field(label).type}")
    group = GROUP if GROUP in schema.names and _holds_labels(schema.field(GROUP).type) else None
    return Columns(images[0], label, group, _class_names(schema, label))


def _holds_images(kind: pa.DataType) -> bool:
    kinds = [field.type for field in kind if field.name == BYTES] if pa.types.is_struct(kind) else [kind]
    return any(fits(each) for each in kinds for fits in BINARY)


def _holds_labels(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(fits(kind) for fits in TEXT_OR_WHOLE)


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """The names of Hugging Face's ClassLabel, which its metadata say; none where they say nothing of the kind."""
    try:
        features = json.loads((schema.metadata or {})[METADATA])["info"]["features"]
        names = features[label]["names"]
    except (LookupError, TypeError, ValueError, RecursionError):
        return ()
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if fits else ()


def _label(value: object, names: Sequence[str]) -> str:
    """The label of a row; a number whose name is known gets its name."""
    if not names or not isinstance(value, int):
        return label_text(value)
    if not 0 <= value < len(names):
        raise ValueError(f"expected a label from 0 to {len(names) - 1}, received {value}")
    return names[value]


def _body(image: object) -> bytes:
    """The bytes of an image file, of a column of either kind."""
    body, path = (image.get(BYTES), image.get("path")) if isinstance(image, Mapping) else (image, None)
    if not isinstance(body, bytes):
        received = f"only its path {shown(str(path))}" if path else "none"
        raise ValueError(f"expected the bytes of an image, received {received}; store the images in the table")
    return body
