"""What a person reads about a wrong value: what was expected, what was received, and which name is the nearest."""

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tasks.errors import HIDDEN, SECRET_NAME, redacted, shown

Location = tuple[int | str, ...]

# What was expected, by pydantic's type of error; braces hold what it knows besides.
EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table of keys and values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "at most {le}",
    "model_type": "a table of keys and values",
    "string_too_long": "at most {max_length} characters",
    "string_type": "a text",
    "string_unicode": "a text",
    "too_long": "at most {max_length} entries",
    "too_short": "{min_length} or more entries",
    "tuple_type": "a list",
}
LONGEST = 200  # characters of a key or a value that a message repeats
MOST_NAMES = 12  # that a message lists
OWN_PLACE = re.compile(r"(?P<place>[a-z_0-9.]+): (?P<text>expected .*)", re.DOTALL)
KEY = "[key]"  # how pydantic says that it means the key of an entry, and not its value


class Complaint(NamedTuple):
    """One wrong value: where it stands in what was read, and what is wrong with it."""

    location: Location
    text: str

    def __str__(self) -> str:
        # An unknown key can hold any text, even control characters.
        parts = (name if (name := str(part)).isprintable() else ascii(name) for part in self.location)
        place = redacted(".".join(parts))[:LONGEST]
        return f"{place}: {self.text}" if place else self.text


def complaints(kind: type[BaseModel], errors: Iterable[ErrorDetails]) -> Iterator[Complaint]:
    """Every error of reading a `kind`, in our words."""
    found = list(errors)
    for error in found:
        location = tuple(part for part in error["loc"] if part != KEY)
        # A list with a wrong entry counts as too short, too: pydantic leaves the entry out.
        is_echo = error["type"] == "too_short" and any(_is_below(other["loc"], error["loc"]) for other in found)
        if not is_echo:
            yield _own(location, error) or Complaint(location, _text(kind, location, error))


def _is_below(location: Location, other: Location) -> bool:
    return len(location) > len(other) and location[: len(other)] == other


def _own(location: Location, error: ErrorDetails) -> Complaint | None:
    """The complaint of one of our own checks, which may begin with the key that it means; None for another."""
    if error["type"] != "value_error":
        return None
    text, received = str(error["ctx"]["error"]), error["input"]
    if "received" not in text and not isinstance(received, dict | BaseModel):
        text = f"{text}, received {_received(location, received)}"
    if found := OWN_PLACE.fullmatch(text):
        return Complaint((*location, *found["place"].split(".")), found["text"])
    return Complaint(location, text)


def _text(kind: type[BaseModel], location: Location, error: ErrorDetails) -> str:
    received = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return one_of(table_at(kind, location[:-1]).model_fields, str(location[-1]))
        case "literal_error":
            return one_of(re.findall(r"'([^']*)'", error["ctx"]["expected"]), received)
        case "missing":
            return "expected a value, received none"
    expected = EXPECTED.get(error["type"], "another value").format_map(error.get("ctx", {}))
    return f"expected {expected}, received {_received(location, received)}"


def table_at(kind: type[BaseModel], location: Location) -> type[BaseModel]:
    """The innermost model on the way from `kind` to the value at `location`."""
    for part in location:
        field = kind.model_fields.get(str(part))
        kind = next(_models(field.annotation), kind) if field else kind
    return kind


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def one_of(known: Collection[str], received: object) -> str:
    """That one of the `known` names was expected, and which of them is the nearest to the received one."""
    names = list(known)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    text = f"expected one of {', '.join(names[:MOST_NAMES])}{more}; received {shown(received)}"
    near = nearest(str(received), names)
    return f"{text}; did you mean {near}?" if near else text


def nearest(received: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like the received one, whatever its case; None when none does."""
    plain = {name.casefold(): name for name in known}
    found = get_close_matches(received[:LONGEST].casefold(), plain, n=1)
    return plain[found[0]] if found else None


def _received(location: Location, value: object) -> str:
    """A received value as a message may repeat it."""
    return HIDDEN if any(SECRET_NAME.search(str(part)) for part in location) else shown(value)
