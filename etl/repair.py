"""Repair of credit records (信用修复): recorded by people, so that the record leaves every outward view on the day; never deleted, only withdrawn."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db, migrate
from etl.errors import UsageError
from etl.settings import Settings

TABLES = {"credit.penalty": "行政处罚", "credit.list_entry": "名单"}


@dataclass(frozen=True)
class Repair:
    """One entry of the register of repairs."""

    dataset: str
    source_key: str
    repaired_on: date
    by: str
    why: str


def record(settings: Settings, repair: Repair) -> None:
    """Enters a repair. UsageError when there is no such record, it is repaired already, or its shortest term is not over."""
    _named(repair.by, repair.why)
    migrate.migrate(settings)
    with db.transaction(settings) as con:
        kind, repairable_from = _found(con, repair.dataset, repair.source_key)
        if repair.repaired_on > settings.today:
            raise UsageError(f"修复之日 {repair.repaired_on} 在业务日期 {settings.today} 之后")
        if repairable_from is None:
            raise UsageError(f"此条{kind}按其决定时的规定公示期间不予修复；规定见 credit.display_term")
        if repair.repaired_on < repairable_from:
            raise UsageError(f"此条{kind}最短公示期未满：{repairable_from} 起方可修复")
        if _standing(con, repair.dataset, repair.source_key):
            raise UsageError(f"此条{kind}已登记修复；登记有误的先撤回（jichu repair withdraw）")
        db.rows(
            con,
            "insert into credit.repair (dataset, source_key, repaired_on, by, why) values (%s, %s, %s, %s, %s)",
            [repair.dataset, repair.source_key, repair.repaired_on, repair.by, repair.why],
        )


def withdraw(settings: Settings, dataset: str, source_key: str, by: str, why: str) -> None:
    """Takes a repair back: the record is shown again as long as its term lasts. The entry stays, with who and why."""
    _named(by, why)
    migrate.migrate(settings)
    with db.transaction(settings) as con:
        if not _standing(con, dataset, source_key):
            raise UsageError("此条没有登记修复；已登记的用 jichu repair list 查看")
        db.rows(
            con,
            "update credit.repair set withdrawn_at = now(), withdrawn_by = %s, withdrawn_why = %s where dataset = %s and source_key = %s and withdrawn_at is null",
            [by, why, dataset, source_key],
        )


def standing(settings: Settings) -> list[Repair]:
    """The repairs that stand, the newest first."""
    migrate.migrate(settings)
    sql = (
        "select dataset, source_key, repaired_on, by, why from credit.repair where withdrawn_at is null order by repaired_on desc, id desc"
    )
    return [Repair(*row) for row in db.query(settings, sql)]


def _named(by: str, why: str) -> None:
    if not by.strip() or not why.strip():
        raise UsageError("要写明谁登记（--by）、依据什么（--why）")


def _standing(con: Connection, dataset: str, source_key: str) -> list[tuple[Any, ...]]:
    return db.rows(
        con, "select 1 from credit.repair where dataset = %s and source_key = %s and withdrawn_at is null", [dataset, source_key]
    )


def _found(con: Connection, dataset: str, source_key: str) -> tuple[str, date | None]:
    """The kind of a record in Chinese and the day from which it may be repaired. The key may name a party and is not repeated in the error."""
    for table, title in TABLES.items():
        found = db.rows(con, f"select repairable_from from {table} where dataset = %s and source_key = %s", [dataset, source_key])
        if found:
            return title, found[0][0]
    raise UsageError(
        f"信用库的处罚与名单里没有 {dataset} 的这一条；主键是来源主键（各列以 | 相连），见 credit.penalty.source_key、credit.list_entry.source_key"
    )
