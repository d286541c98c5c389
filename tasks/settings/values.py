"""The typed values that all settings are made of, and the one place where a wrong value becomes an error message."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tasks.errors import HIDDEN, SECRET_NAME, RequestError, redacted, shown

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
FILE = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
FileName = Annotated[str, StringConstraints(pattern=f"^{FILE}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(gt=0, le=1)]
# The bounds of what a person may ask for; the trigger form shows the same ones.
MAX_COUNT = 10_000
MIN_BUDGET, MAX_BUDGET = 1_000, 100_000_000  # parameters
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Budget = Annotated[int, Field(ge=MIN_BUDGET, le=MAX_BUDGET)]


class Frozen(BaseModel):
    """An immutable value that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Value = TypeVar("Value", bound=BaseModel)


def parse(kind: type[Value], data: object, where: str) -> Value:
    """`data` as a `kind`.

    Raises:
        RequestError: one line with the place, what was expected and what was received.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        # An unknown key can hold any text, even control characters.
        place = ".".join(name if (name := str(part)).isprintable() else ascii(name) for part in first["loc"])
        received = HIDDEN if SECRET_NAME.search(place) else shown(first["input"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise RequestError(
            f"{where}: {redacted(place or kind.__name__)[:200]}: {first['msg']}; received {received}{more}"
        ) from None
