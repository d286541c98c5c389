"""Where answers go: lines on a terminal, or a CSV, JSON Lines or Parquet file that appears whole or not at all."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from tasks.data.part import shown
from tasks.errors import RequestError
from tasks.registry.packages import require
from tasks.registry.prediction.answers import Answer
from tasks.report.pages.table import inert
from tasks.runs.scratch import scratch_folder

# As the files call what an Answer has.
COLUMNS = (
    "name", "class", "probability", "second", "second_probability", "third", "third_probability", "error",
)  # fmt: skip
PARQUET = ".parquet"
SHARE = 9  # characters of a probability on a terminal
MAX_PATH = 4096  # characters of a name on a terminal, or of a reason
ROW_GROUP = 2**14  # answers of a Parquet file that are written together
# Begins the name of a folder beside the file; hidden, so that no folder of images seems to have it.
UNFINISHED = ".like-for-like-answers-"
Write = Callable[[Sequence[Answer]], None]


def opened(output: Path | None, stream: TextIO, classes: Sequence[str]) -> AbstractContextManager[Write]:
    """Where answers go: the file `output`, or lines on `stream` where there is none.

    The file gets its name when the block ends, and replaces one of that name. After an error nothing of it is left.
    """
    return WRITERS[output.suffix.lower()](output) if output else _lines(stream, classes)


def check(output: Path) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        RequestError: it is of another kind, or is a folder, or its own folder is not there or must not be written to;
            or what writes a Parquet file is not installed.
    """
    if output.suffix.lower() not in WRITERS:
        expected = f"expected a name that ends with {', '.join(WRITERS)}"
        raise RequestError(f"--output: {expected}, received {shown(output.name)}")
    if output.suffix.lower() == PARQUET:
        require(("pyarrow",), ", or write a .csv or .jsonl file")
    if not _may_be(output):
        expected = "the name of a file in a folder that is there and that this user may write to"
        raise RequestError(f"--output: expected {expected}, received {shown(str(output))}")


def _may_be(output: Path) -> bool:
    try:
        return not output.is_dir() and output.parent.is_dir() and os.access(output.parent, os.W_OK)
    except OSError:  # a name that is too long
        return False


@contextmanager
def _lines(stream: TextIO, classes: Sequence[str]) -> Iterator[Write]:
    """A line for each answer. The name comes last, as it may be long; nothing of it can move a terminal's cursor.

    The head comes with the first answers. Where the reader goes, as `head` does, the block ends.
    """
    width = max(len(shown(label)) for label in (*classes, "second"))
    head = "  ".join([*(f"{name:{width + SHARE}}" for name in ("class", "second", "third")), "name"])
    heads = iter([head])

    def write(answers: Sequence[Answer]) -> None:
        lines = [*heads, *(_line(answer, width) for answer in answers)]
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()

    try:
        yield write
    except OSError as error:
        with open(os.devnull, "wb") as nowhere:  # for what waits in the stream, and would fail at the end once more
            os.dup2(nowhere.fileno(), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def _line(answer: Answer, width: int) -> str:
    name = shown(answer.name, MAX_PATH)
    if answer.error:
        return f"{name}: {shown(answer.error, MAX_PATH)}"
    found = zip(answer[1:7:2], answer[2:7:2], strict=True)
    cells = [f"{shown(label):{width}}{share:{SHARE}.2%}" if label else " " * (width + SHARE) for label, share in found]
    return "  ".join([*cells, name])


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    """A table for a spreadsheet, which takes no text of it for a formula."""
    with _appearing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        try:
            yield lambda answers: writer.writerows(
                [inert(value) if isinstance(value, str) else value for value in answer] for answer in answers
            )
        finally:
            text.detach()  # else it closes the file, which is not on the disk yet


@contextmanager
def _jsonl(path: Path) -> Iterator[Write]:
    """An object on each line, with all columns."""
    with _appearing(path) as file:
        yield lambda answers: file.writelines(
            f"{json.dumps(dict(zip(COLUMNS, answer, strict=True)), ensure_ascii=False)}\n".encode()
            for answer in answers
        )


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    """A table in row groups, written as soon as each is full."""
    import pyarrow
    from pyarrow import parquet

    kinds = [pyarrow.float64() if name.endswith("probability") else pyarrow.string() for name in COLUMNS]
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    waiting: list[Answer] = []

    with _appearing(path) as file, parquet.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            columns = list(zip(*waiting, strict=True))
            writer.write_table(pyarrow.table(columns, schema=schema))
            waiting.clear()

        def write(answers: Sequence[Answer]) -> None:
            waiting.extend(answers)
            if len(waiting) >= ROW_GROUP:
                flush()

        yield write
        if waiting:
            flush()


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends without an error; what killed processes left beside it goes."""
    with scratch_folder(path.parent, UNFINISHED) as folder:
        with (folder / path.name).open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        (folder / path.name).replace(path)


WRITERS = {".csv": _csv, ".jsonl": _jsonl, PARQUET: _parquet}
