"""The typed values that all settings are made of, and the one place where a wrong value becomes an error message.

No value is converted: `true` and `"3"` are no numbers, and 3.0 is no whole one.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError

from tasks.errors import RequestError
from tasks.settings.reading.messages import Location, complaints

# Unicode's categories of what nobody sees, or what changes the order of what one sees: controls, invisible and
# bidirectional characters, halves of pairs, private and unassigned ones, separators of lines and paragraphs.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MAX_TEXT = 200  # characters
MAX_NAME = 48  # characters
MOST_LINES = 100  # of one error; a hostile request can have any number


def matching(pattern: str, words: str) -> AfterValidator:
    """A check that a whole text has the `pattern`, which `words` explain to people."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {words}")
        return text

    return AfterValidator(check)


def visible(text: str) -> str:
    """`text`, when people can see all of it.

    Raises:
        ValueError: it is blank, too long, or has a character that nobody sees or that changes the order of others.
    """
    unseen = next((character for character in text if unicodedata.category(character) in UNSEEN), None)
    if unseen:
        name = unicodedata.name(unseen, "without a name")
        raise ValueError(f"expected visible characters only, received U+{ord(unseen):04X} ({name}) in {text[:80]!r}")
    if not text.strip() or len(text) > MAX_TEXT:
        raise ValueError(f"expected 1 to {MAX_TEXT} characters that are not all blank")
    return text


def appearance(text: str) -> str:
    """What `text` looks like: two ways to write one name have one. "A" and "a" are two, as they may be two letters."""
    return unicodedata.normalize("NFKC", text).strip()


FILE = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
Name = Annotated[
    str,
    matching(
        f"[a-z][a-z0-9_]{{0,{MAX_NAME - 1}}}",
        f"a name of lower-case letters, digits and _, which begins with a letter, of at most {MAX_NAME} characters",
    ),
]
FileName = Annotated[
    str, matching(FILE, "a file name of letters, digits and ._- that begins with a letter or digit, without a folder")
]
Sha256 = Annotated[str, matching("[0-9a-f]{64}", "the 64 hex digits of a SHA-256, in lower case")]
Text = Annotated[str, AfterValidator(visible)]  # for people
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
Fraction = Annotated[Number, Field(gt=0, le=1)]
# The bounds of what a person may ask for; the trigger form shows the same ones.
MAX_COUNT = 10_000
MIN_BUDGET, MAX_BUDGET = 1_000, 100_000_000  # parameters
Count = Annotated[Whole, Field(ge=1, le=MAX_COUNT)]
Budget = Annotated[Whole, Field(ge=MIN_BUDGET, le=MAX_BUDGET)]
Hyperparameters = dict[str, bool | int | float | str]  # by name: those of a family, and of the optimizer


class Frozen(BaseModel):
    """An immutable value that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Value = TypeVar("Value", bound=BaseModel)


def parse(kind: type[Value], data: object, where: str | Callable[[Location], str]) -> Value:
    """`data` as a `kind`; `where` it stands is a text, or says for each location in it the file and the line.

    Raises:
        RequestError: one line for each wrong value, with its place, what was expected and what was received.
    """
    place = where if callable(where) else lambda location: where
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = [f"{place(each.location)}: {each}" for each in complaints(kind, error.errors())]
        more = [f"and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
        raise RequestError("\n".join(lines[:MOST_LINES] + more)) from None
