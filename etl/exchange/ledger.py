"""What each receiver holds: the digests of the rows of the package it last acknowledged, as Parquet beside the books in the database.

Increments are told against this ledger and not against `version_from` and the history tables: those know days, so that a row that came and
went on one day, or left a county by moving house, would be told to nobody. A ledger that is lost costs a full package, nothing else.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection

from etl import db
from etl.settings import Settings


@dataclass(frozen=True)
class Base:
    """The last package that the receiver acknowledged."""

    package_id: UUID
    chain: UUID
    sequence: int
    schema_digest: str
    publication_to: int


def folder(settings: Settings, receiver: str, package_id: Any) -> Path:
    """Where the digests of a package's rows are: one Parquet file a table."""
    return settings.home / "exchange" / "ledger" / receiver / str(package_id)


def base(con: Connection, receiver: str) -> Base | None:
    """The last acknowledged package of a receiver."""
    sql = "select package_id, chain, sequence, schema_digest, publication_to from exchange.package where receiver = %s and acknowledged_at is not null order by created_at desc limit 1"
    found = db.rows(con, sql, [receiver])
    if not found:
        return None
    package_id, chain, sequence, schema_digest, publication = found[0]
    return Base(UUID(package_id), UUID(chain), sequence, schema_digest, publication)


def forget(settings: Settings, con: Connection, receiver: str) -> None:
    """Removes the digests of packages older than the last acknowledged one."""
    sql = """select package_id from exchange.package where receiver = %s and created_at < (
        select max(created_at) from exchange.package where receiver = %s and acknowledged_at is not null)"""
    for (package_id,) in db.rows(con, sql, [receiver, receiver]):
        shutil.rmtree(folder(settings, receiver, package_id), ignore_errors=True)
