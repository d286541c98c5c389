"""A TOML file: its table, and the lines on which its keys stand."""

import stat
import tomllib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from tasks.errors import RequestError
from tasks.settings.reading.messages import Location

MAX_SIZE = 4 * 2**20  # bytes: ten thousand classes take a tenth of it, and the DAG's parser reads every file


class TomlFile:
    """A TOML file that was read; `table` is what it says.

    Raises:
        RequestError: there is none, it cannot be read, or it is not TOML.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._text = _text(path)
            self.table = tomllib.loads(self._text)
        except FileNotFoundError:
            raise RequestError(f"{path}: expected a configuration file, found none") from None
        except OSError as error:
            raise RequestError(f"{path}: expected a file that may be read, received: {error.strerror}") from None
        except (ValueError, RecursionError) as error:  # TOML's own, a byte that is no text, a list a thousand deep
            raise RequestError(f"{path}: not valid TOML: {error}") from None

    def place(self, location: Location) -> str:
        """The file, and the line of the key at `location`, or of the nearest table around it, where there is one."""
        line = self.line_of(location)
        return f"{self.path}:{line}" if line else str(self.path)

    def line_of(self, location: Location) -> int | None:
        """The line of the key at `location`; of what encloses it or begins it, where it has none of its own.

        The parser keeps no lines, so this reads the file line by line. A text of several lines can mislead it.
        """
        around = [path for path in self._lines if path == location[: len(path)]]
        below = [path for path in self._lines if path[: len(location)] == location]
        nearest = max(around, key=len, default=None) or next(iter(below), None)
        return self._lines[nearest] if nearest else None

    @cached_property
    def _lines(self) -> dict[Location, int]:
        """The first line of every key and table."""
        lines: dict[Location, int] = {}
        for number, location in self._entries():
            lines.setdefault(location, number)
        return lines

    def _entries(self) -> Iterator[tuple[int, Location]]:
        table: Location = ()
        counts: dict[Location, int] = {}
        for number, line in enumerate(self._text.splitlines(), 1):
            if line.lstrip().startswith("[") and (header := _keys(line)):
                if line.lstrip().startswith("[["):
                    counts[header] = counts.get(header, -1) + 1
                table = _counted(header, counts)
                yield number, table
            elif entry := _keys(f"{line.partition('=')[0]} = 0"):
                yield number, (*table, *entry)


def _text(path: Path) -> str:
    """What a file says. A pipe or a device is not opened, since that could wait for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise RequestError(f"{path}: expected a file, received a folder or a device")
    if status.st_size > MAX_SIZE:
        raise RequestError(f"{path}: expected at most {MAX_SIZE:,} bytes, received {status.st_size:,}")
    return path.read_text(encoding="utf-8")


def _keys(line: str) -> Location:
    """The keys of one line, `[a.b]` or `a.b = 0`, as TOML itself reads them; none where it is neither."""
    try:
        value = tomllib.loads(line)
    except ValueError:
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and value:
        keys += value
        value = value[keys[-1]]
        value = value[0] if isinstance(value, list) else value
    return tuple(keys)


def _counted(header: Location, counts: dict[Location, int]) -> Location:
    """A table's keys, with its number after each list of tables."""
    parts: list[int | str] = []
    for end, key in enumerate(header, 1):
        parts.append(key)
        if header[:end] in counts:
            parts.append(counts[header[:end]])
    return tuple(parts)


class TomlLayers:
    """Several TOML files, later ones laid over earlier ones, table by table."""

    def __init__(self, files: Sequence[TomlFile]):
        self._files = files

    @property
    def table(self) -> dict:
        """What the files say together."""
        table: dict = {}
        for file in self._files:
            table = _laid_over(table, file.table)
        return table

    def place(self, location: Location) -> str:
        """The last file that has the key at `location`, and its line; the first file where none has it."""
        having = [file for file in self._files if _has(file.table, location)]
        return (having[-1] if having else self._files[0]).place(location)


def _has(value: object, location: Location) -> bool:
    for part in location:
        if not isinstance(value, dict) or part not in value:
            return isinstance(value, list)  # an entry of a list: whoever has the list has it
        value = value[part]
    return True


def _laid_over(base: dict, site: dict) -> dict:
    """`base` with the values of `site` in place of its own, table by table."""
    tables = {
        name: _laid_over(base[name], value)
        for name, value in site.items()
        if isinstance(value, dict) and isinstance(base.get(name), dict)
    }
    return base | site | tables
