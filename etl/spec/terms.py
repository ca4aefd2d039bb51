"""Display terms: schemas/credit_terms.yml says how long a credit record is shown and when it may be repaired, by regime and decision date."""

import re
from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from etl.spec.base import Declared

Kind = Literal["permit", "penalty", "red", "black", "abnormal", "dishonest", "arrears"]


class DisplayTerm(Declared):
    """One rule. `minimum`, `maximum`: months from the decision; None = the law sets none. Decisions of `valid_from` to
    `valid_to` (both included, None = without limit) fall under it when `category` and `matter` (regular expressions) match."""

    kind: Kind
    severity: Literal["any", "minor", "general", "serious", "grave"]
    regime: str
    document: str
    article: str = ""
    minimum: int | None = Field(default=None, ge=0)
    maximum: int | None = Field(default=None, ge=0)
    repairable: bool = True
    shown: bool = True
    valid_from: date | None = None
    valid_to: date | None = None
    category: str | None = None
    matter: str | None = None
    source: str
    certainty: Literal["confirmed", "known"]

    @model_validator(mode="after")
    def _consistent(self) -> "DisplayTerm":
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum 大于 maximum")
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError("valid_from 在 valid_to 之后")
        for pattern in (self.category, self.matter):
            try:
                re.compile(pattern or "")
            except re.error:
                raise ValueError(f"不是正则表达式：{pattern}") from None
        return self
