"""The two things a catalogue holds."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Item:
    """An information item: one column. `data_type` is a letter of the 2017 guide; `length` as `18` or `18,2`, None = unlimited; `code_table`:
    of schemas/codes; `readable_as`: the table or view in which analysts read it, None where they may not."""

    name: str
    data_type: str
    length: str | None
    table_name: str
    column_name: str
    description: str
    code_table: str | None = None
    readable_as: str | None = None


@dataclass(frozen=True)
class Resource:
    """An information resource before it has its code. `related`: subjects; `front`: 前段码."""

    subject: str
    kind: str
    name: str
    front: str
    classification: str
    department: str
    provider: str
    provider_code: str | None
    abstract: str
    format: str
    share_type: int
    share_condition: str | None
    share_mode: str
    open: int
    open_condition: str | None
    basis: str
    update_cycle: str
    published_on: date | None
    updated_on: date | None
    related: frozenset[str] = frozenset()
    items: tuple[Item, ...] = field(default=())
