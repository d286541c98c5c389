"""Where secrets might have ended up: files, databases, command lines."""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

Secrets = Mapping[str, str]


def in_files(folders: Iterable[Path], secrets: Secrets) -> dict[Path, set[str]]:
    """The names of the secrets that each file holds; files without any are there too, with an empty set."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path: in_bytes(path.read_bytes(), secrets) for path in files}


def in_bytes(data: bytes, secrets: Secrets) -> set[str]:
    """The names of the secrets that `data` holds."""
    return {name for name, secret in secrets.items() if secret.encode() in data}


def in_database(file: Path, secrets: Secrets) -> dict[str, set[str]]:
    """The names of the secrets in every table of an SQLite database that has rows, unpacked where it is packed."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: database.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}
    return {
        table: set().union(*(in_bytes(cell, secrets) for row in found for cell in _cells(row)))
        for table, found in rows.items()
        if found
    }


def _cells(row: tuple) -> Iterator[bytes]:
    for cell in row:
        data = cell if isinstance(cell, bytes) else str(cell).encode()
        yield data
        with suppress(zlib.error):
            yield zlib.decompress(data)
