"""What every mapping of upstreams.yaml has in common: its unknown keys are refused; `config.py` is next."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Scalar = bool | int | str | None
Code = bool | int | str
Status = Annotated[int, Field(ge=100, le=599)]
DateSource = Literal["epoch_s", "epoch_ms"]
MoneyUnit = Literal["fen", "yuan"]


def nearest(word: str, known: list[str]) -> str:
    """ " — did you mean X?" for the closest known word, or the known ones if none is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f" — did you mean {close[0]}?"
    return f"; known here: {', '.join(sorted(known)[:20])}" if known else ""


class Part(BaseModel):
    """Any mapping of the file: unknown keys are refused with the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), list(cls.model_fields))
                    raise PydanticCustomError("unknown_key", "unknown key {key}{hint}", {"key": str(key), "hint": hint})
        return data
