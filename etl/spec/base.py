"""The base of every declared thing."""

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """Frozen, and a key that is not known is a mistake, not a comment."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
