"""What a receiver is given: by the catalogue's share types and the grants, row by row and column by column."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import literal, quote
from etl.errors import UsageError
from etl.exchange.manifest import Column, Party
from etl.spec.exchange import Exchange, Mask, Table, Terms

SHAPE = """
select a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), ''), coalesce(a.attnum = any(i.indkey), false)
from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
INTERNAL = {"row_hash"}  # publishing's own mark; the receiver has the package's


@dataclass(frozen=True)
class Scope:
    """For whom: everything (`county` None), a county's own, or a park's own within its county."""

    party: Party
    terms: Terms
    county: str | None = None
    parent: str | None = None

    def predicate(self, table: Table) -> str | None:
        """The rows of a table that are this receiver's; None = the table is not for it."""
        own = None if not self.county else table.park if self.parent else table.county
        if self.county and own is None:
            return None
        words = {"{county}": literal(self.county), "{parent}": literal(self.parent)}
        for word, value in words.items():
            own = own.replace(word, value) if own else own
        return " and ".join(f"({p})" for p in (table.rows, own) if p) or "true"


@dataclass(frozen=True)
class Offer:
    """One table as a receiver gets it. `select` gives the columns in order, masked, only its rows."""

    subject: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    resource_codes: tuple[str, ...]
    basis: str
    select: str


@dataclass(frozen=True)
class Listed:
    """A resource of the catalogue, with its columns."""

    code: str
    subject: str
    share_type: int
    columns: frozenset[str]


def offers(con: Connection, declared: Exchange, scope: Scope, day: date) -> tuple[list[Offer], list[str]]:
    """What the receiver gets, in the order of the file, and one sentence for each resource that it does not get."""
    listed = _catalogue(con)
    made, withheld = [], []
    for subject, table in declared.tables.items():
        predicate = scope.predicate(table)
        if predicate is None:
            continue
        shared: list[tuple[Listed, str]] = []
        for resource in listed[subject]:
            basis, refusal = _terms(resource, scope.terms, day)
            if basis:
                shared.append((resource, basis))
            else:
                withheld.append(f"{resource.subject}：{refusal}")
        if shared:
            made.append(_offer(con, subject, table, scope, shared, predicate))
    return made, withheld


def _catalogue(con: Connection) -> dict[str, list[Listed]]:
    sql = """select r.resource_code, r.subject, r.share_type, array_agg(i.column_name) from catalog.resource r join catalog.item i using (resource_code)
        where r.kind = 'table' group by 1, 2, 3 order by 2"""
    found: dict[str, list[Listed]] = defaultdict(list)
    for code, subject, share_type, columns in db.rows(con, sql):
        found[subject.split("#")[0]].append(Listed(code, subject, share_type, frozenset(columns)))
    if not found:
        raise UsageError("目录还是空的，不知道什么可以共享：先运行一次 jichu run 或 jichu catalog")
    return found


def _terms(resource: Listed, terms: Terms, day: date) -> tuple[str | None, str]:
    """On what basis it is shared, or why not."""
    if resource.share_type == 1:
        return "无条件共享", ""
    if resource.share_type == 3:
        return None, "不予共享"
    for grant in terms.grants:
        if grant.holds(resource.subject, day):
            return f"有条件共享：{grant.approved_by} {grant.approved_on} 同意，用于{grant.purpose}", ""
    return None, "有条件共享，没有有效的授权"


def _offer(con: Connection, subject: str, table: Table, scope: Scope, shared: list[tuple[Listed, str]], predicate: str) -> Offer:
    shape: list[tuple[Any, ...]] = db.rows(con, SHAPE, [subject])
    given = {c for resource, _ in shared for c in resource.columns} - INTERNAL
    key = tuple(n for n, _, _, in_key in shape if in_key)
    columns, listed = [], []
    for name, kind, title, _ in shape:
        if name not in given and name not in key:
            continue
        mask = None if scope.terms.unmasked(f"{subject}.{name}") else table.masks.get(name)
        columns.append(Column(name=name, type=kind, title=title, mask=mask.by if mask else None))
        listed.append(f"{_masked(name, kind, mask, scope)} as {quote(name)}" if mask else f"t.{quote(name)}")
    bases = list(dict.fromkeys(basis for _, basis in shared))
    said = db.rows(con, "select obj_description(%s::regclass, 'pg_class')", [subject])[0][0] or subject
    select = f"select {', '.join(listed)} from {subject} t where {predicate}"
    return Offer(subject, said.split("：")[0], tuple(columns), key, tuple(r.code for r, _ in shared), "；".join(bases), select)


def _masked(name: str, kind: str, mask: Mask, scope: Scope) -> str:
    """The masked value; unmasked where the row lies within the receiver's own county."""
    column = f"t.{quote(name)}"
    if mask.by == "withheld":
        value = "null"
    elif mask.by == "person_code":
        value = f"case when t.person_id is not null then mask.citizen_id({column}) else mask.code({column}) end"
    else:
        value = f"mask.{mask.by}({column})"
    if mask.clear_in and scope.county:
        value = f"case when left(t.{quote(mask.clear_in)}, 6) = {literal(scope.parent or scope.county)} then {column} else {value} end"
    return f"({value})::{kind}"
