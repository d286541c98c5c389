"""What all typed values of the project share: they are immutable, and their names fit into keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


class Frozen(BaseModel):
    """A value: immutable, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
