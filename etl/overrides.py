"""Documented overrides: a value that stands in a library instead of what the departments say, with who put it there, why and until when.

No department's value is ever edited: the override is applied in merging as the most believed source, every department that says
otherwise is told so, and withdrawing it brings back what the departments say. It is bound to a source record, so that
it follows its person or entity through merges and splits of identities.
"""

from dataclasses import dataclass
from datetime import date, datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, explain, migrate, spec
from etl.errors import UsageError
from etl.report.masker import library_value
from etl.settings import Settings
from etl.spec import Registry
from etl.spec.registry import nearest

KINDS = {"population": "person", "legal_entity": "entity"}
NOT_OURS = {"person_id", "entity_id", "parent_entity_id", "geom", "row_hash", "version_from", "former_names"}
STANDS = "withdrawn_at is null and (until is null or until >= %s)"


@dataclass(frozen=True)
class Override:
    """One override as it is listed; `value` masked."""

    id: int
    library: str
    record_id: str
    field: str
    value: str
    by: str
    why: str
    at: datetime
    until: date | None
    withdrawn: str


def add(settings: Settings, library: str, record: str, field: str, value: str, by: str, why: str, *, until: str | None = None) -> int:
    """Records an override of a person's or entity's field; its number. One that stands on the same field is withdrawn by it.

    `record`: an id of the library, one it once had, or a source record (dataset|source_key|role). Takes effect with the next run."""
    if not by.strip() or not why.strip():
        raise UsageError("更正要写明 --by（谁）和 --why（依据），不能是空的")
    if library not in KINDS:
        raise UsageError(f"更正只用于人口库和法人库；{nearest(library, KINDS)}")
    last = day(until, settings.today)
    migrate.migrate(settings)
    registry, kind = spec.load(), KINDS[library]
    with db.transaction(settings) as con:
        ident = explain.whose(con, kind, record) if "|" in record else explain.followed(con, kind, record.strip())[0]
        anchor = _anchor(con, kind, ident)
        _valid(con, registry, library, field, value)
        _end(con, "library = %s and (dataset, source_key, role) = %s and field = %s", [library, anchor, field], by, "由新的更正取代")
        sql = "insert into quality.override (library, record_id, dataset, source_key, role, field, value, by, why, until) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id"
        return int(db.rows(con, sql, [library, ident, *anchor, field, value, by.strip(), why.strip(), last])[0][0])


def withdraw(settings: Settings, number: int, by: str, why: str) -> None:
    """Ends an override: from the next run on the departments' word counts again. The override stays on record."""
    if not by.strip() or not why.strip():
        raise UsageError("撤回要写明 --by（谁）和 --why（为何），不能是空的")
    migrate.migrate(settings)
    with db.transaction(settings) as con:
        if not _end(con, "id = %s", [number], by, why):
            raise UsageError(f"没有有效的第 {number} 号更正；看有哪些：jichu override list")


def listed(settings: Settings, *, every: bool = False) -> list[Override]:
    """The overrides that stand on the business date, or every one there ever was; newest first."""
    migrate.migrate(settings)
    found = db.query(
        settings,
        "select id, library, record_id, field, value, by, why, at, until, case when withdrawn_at is not null then withdrawn_by || '：' || withdrawn_why else '' end "
        f"from quality.override where {'true or ' if every else ''}({STANDS}) order by id desc",
        [settings.today],
    )
    return [Override(n, library, r, f, library_value(library, f, v), *rest) for n, library, r, f, v, *rest in found]


def day(text: str | None, today: date) -> date | None:
    """The last day of an override, not before today."""
    if text is None:
        return None
    try:
        last = date.fromisoformat(text)
    except ValueError:
        raise UsageError("--until 应为 YYYY-MM-DD") from None
    if last < today:
        raise UsageError(f"--until {last} 已经过去（业务日期 {today}）")
    return last


def _anchor(con: Connection, kind: str, ident: str) -> tuple[str, str, str]:
    """The record by which the identity is known again."""
    sql = f"select dataset, source_key, role from match.{kind}_member where {kind}_id = %s order by former, role <> 'self', first_delivered_on, dataset, source_key, role limit 1"
    if found := db.rows(con, sql, [ident]):
        return (str(found[0][0]), str(found[0][1]), str(found[0][2]))
    raise UsageError(
        f"没有这样一{'个人' if kind == 'person' else '家单位'}；标识以 {'P' if kind == 'person' else 'E'} 开头，或写“数据集|来源主键|角色”"
    )


def _valid(con: Connection, registry: Registry, library: str, field: str, value: str) -> None:
    """Refuses a field that is not there, and a value that it cannot hold (which is not repeated: it may be personal)."""
    sql = "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
    columns = {str(n): str(t) for n, t in db.rows(con, sql, [f"{library}.{KINDS[library]}"]) if n not in NOT_OURS}
    if field not in columns:
        raise UsageError(f"{registry.libraries[library].title}没有可更正的字段 {field}；{nearest(field, columns)}")
    if not value.strip():
        raise UsageError("更正的值不能是空的")
    table = registry.codes.get(field.removesuffix("_code"))
    if table and value not in table.codes:
        raise UsageError(f"{field} 没有这个代码；{nearest(value, table.codes)}")
    try:
        with con.cursor() as c:
            c.execute("savepoint tried")
            c.execute(f"select %s::{columns[field]}", [value])
    except psycopg2.Error:
        raise UsageError(f"{field} 应为{'日期 YYYY-MM-DD' if columns[field] == 'date' else ' ' + columns[field]}") from None


def _end(con: Connection, where: str, args: list[object], by: str, why: str) -> bool:
    sql = f"update quality.override set withdrawn_at = now(), withdrawn_by = %s, withdrawn_why = %s where {where} and withdrawn_at is null returning id"
    return bool(db.rows(con, sql, [by.strip(), why.strip(), *args]))
