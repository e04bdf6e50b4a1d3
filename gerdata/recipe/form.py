"""What all recipes share, and the kinds of numbers they hold."""

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Recipe(BaseModel):
    """What all recipes share: frozen, strict types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def fingerprint(self) -> str:
        """64 hex digits that name this recipe's resolved content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
