"""A package's manifest and a receipt: the two documents that are signed. Frozen, and unknown keys are refused."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from pydantic import BaseModel, Field, field_validator

from etl.spec.base import Declared

FORMAT = "jichu-exchange/1"
RECEIPT = "jichu-receipt/1"
TYPES = re.compile(
    r"text|date|boolean|bigint|integer|smallint|double precision|numeric\(\d{1,3},\d{1,3}\)|timestamp with time zone|text\[\]|jsonb|geometry\((Geometry|Point),4490\)"
)
NAME = r"^[a-z][a-z0-9_]{0,62}$"
HEX = r"^[0-9a-f]{64}$"


class Party(Declared):
    """An instance: its division code and name."""

    code: str = Field(pattern=r"^\d{6}$")
    title: str


class Column(Declared):
    """A column: PostgreSQL type, Chinese meaning, and the mask it went through."""

    name: str = Field(pattern=NAME)
    type: str
    title: str
    mask: str | None = None

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        if not TYPES.fullmatch(value):
            raise ValueError(f"不认识的类型 {value}")
        return value


class File(Declared):
    """A file of the package and its digests."""

    name: str = Field(pattern=r"^data/[a-z][a-z0-9_.]{0,120}\.(parquet|csv)$")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=HEX)
    sm3: str = Field(pattern=HEX)


class Resource(Declared):
    """One table: its shape, why it is shared, what changed, and what the receiver must hold afterwards."""

    subject: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}\.[a-z][a-z0-9_]{0,40}$")
    title: str
    resource_codes: list[str]
    basis: str
    columns: list[Column] = Field(min_length=1)
    key: list[str] = Field(min_length=1)
    rows_inserted: int = Field(ge=0)
    rows_updated: int = Field(ge=0)
    rows_deleted: int = Field(ge=0)
    rows_total: int = Field(ge=0)
    checksum: str
    parquet: File
    csv: File


class Manifest(Declared):
    """What a package holds. `vintage`: the business date of the data; `previous`: the package that an increment follows."""

    format: Literal["jichu-exchange/1"] = "jichu-exchange/1"
    package_id: UUID
    chain: UUID
    sequence: int = Field(ge=1)
    kind: Literal["full", "increment"]
    previous: UUID | None
    previous_sequence: int | None
    sender: Party
    receiver: Party
    created_at: datetime
    vintage: date
    publication_from: int
    publication_to: int
    schema_digest: str = Field(pattern=HEX)
    resources: list[Resource]
    signature: str | None = Field(description="签名算法；空为未签名")

    def rows(self, what: str) -> int:
        """Sum of rows_inserted, rows_updated or rows_deleted over the resources."""
        return sum(int(getattr(r, what)) for r in self.resources)


class Receipt(Declared):
    """What the receiver says it holds after a package."""

    format: Literal["jichu-receipt/1"] = "jichu-receipt/1"
    package_id: UUID
    sender: str
    receiver: str
    sequence: int
    manifest_sha256: str
    manifest_sm3: str
    applied_at: datetime
    checksums: dict[str, str]
    signature: str | None = Field(description="签名算法；空为未签名")


def canonical(document: BaseModel) -> bytes:
    """The bytes that are signed: JSON with sorted keys, UTF-8."""
    return (json.dumps(document.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


class Digests:
    """SHA-256 and SM3 (GB/T 32905) of a stream, and its length."""

    def __init__(self) -> None:
        self._sha256, self._sm3, self.bytes = hashlib.sha256(), hashes.Hash(hashes.SM3()), 0

    def update(self, chunk: bytes) -> None:
        """The next piece."""
        self._sha256.update(chunk)
        self._sm3.update(chunk)
        self.bytes += len(chunk)

    def finish(self) -> tuple[str, str]:
        """SHA-256 and SM3 in hexadecimal; call once."""
        return self._sha256.hexdigest(), self._sm3.finalize().hex()


def digests(chunks: Iterable[bytes]) -> tuple[str, str]:
    """SHA-256 and SM3 of a stream."""
    made = Digests()
    for chunk in chunks:
        made.update(chunk)
    return made.finish()
