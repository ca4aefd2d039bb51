"""A suite on a table in as few scans as possible: one for all claims about single rows, one for each about the whole table.

Of a library's candidate the row claims read only what changes: the counts of the last publication, less the versions that
are replaced or deleted, plus those that are written. That holds when the last counts are of the same claim on a table of
the same size; anything else, and every claim that depends on the day, is counted anew.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, judging
from etl.engine import quote
from etl.judging import ByRow, Whole
from etl.spec.suite import Claim

FEW = 3000  # different values of a column up to which matching each once is cheaper than matching each row
FEW_VALUES = """
    select s.attname from pg_stats s join pg_class c on c.relname = s.tablename and c.relnamespace = to_regnamespace(s.schemaname)
    where s.schemaname = %s and s.tablename = any(%s) and s.attname = any(%s) and c.reltuples > 20000
        and (s.n_distinct between 1 and %s or s.n_distinct < 0 and -s.n_distinct * c.reltuples <= %s)
"""
LITTLE = 0.3  # share of changed rows up to which reading them twice is cheaper than reading the table
Counts = tuple[int, int]  # checked, failed


@dataclass(frozen=True)
class Changes:
    """A candidate as its published table and what is written and deleted; their key columns. `beside`: candidates of other tables that
    were last published together with this one, with what of each is deleted and its key columns."""

    published: str
    write: str
    delete: str
    key: tuple[str, ...]
    beside: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """(checked, failed) by claim; `broken`: claims that could not be counted."""

    counts: dict[str, Counts]
    broken: frozenset[str]


def definition(claim: Claim) -> str:
    """Fingerprint of what a claim counts: with another one its old counts say nothing."""
    return hashlib.sha256(repr((claim.type, sorted(claim.kwargs.items(), key=lambda kv: kv[0]))).encode()).hexdigest()[:16]


def count(
    con: Connection, relation: str, claims: Sequence[Claim], places: Mapping[str, str], today: date, judged: Mapping[str, int] | None = None
) -> Counted:
    """Every claim on `relation` (already quoted). All must be known to etl.judging; `con` commits by itself. `judged`: of
    claims about the whole table, how many rows are judged, where that is known."""
    told = judged or {}
    rows = {c.name: r for c in claims if (r := judging.by_row(c, today))}
    tables = {c.name: w for c in claims if c.name not in rows and (w := judging.whole(c, places))}
    known = _by_value(con, relation, rows)
    counts, broken = _scan(
        con, relation, {n: r for n, r in rows.items() if n not in known}, {n: w.judged for n, w in tables.items() if n not in told}
    )
    counts |= known | {n: (told[n], 0) for n in tables if n in told}
    single = _without_repetition(con, relation, {n: w.key for n, w in tables.items() if w.key and n not in broken})
    for name, table in tables.items():
        found = 0 if name in single else _number(con, judging.filled(table.count, relation)) if name not in broken else None
        if found is None:
            broken.add(name)
        else:
            counts[name] = (counts[name][0], found)
    return Counted({n: c for n, c in counts.items() if n not in broken}, frozenset(broken))


def _by_value(con: Connection, relation: str, rows: Mapping[str, ByRow]) -> dict[str, Counts]:
    """Claims by a regular expression on columns of few different values (as the planner knows them): each value is matched once."""
    columns = {n: r.column for n, r in rows.items() if r.column}
    schema, _, table = relation.replace('"', "").partition(".")
    few = db.rows(con, FEW_VALUES, [schema, [table, table + "__write"], sorted(set(columns.values())), FEW, FEW]) if columns else []
    chosen = sorted({str(c) for (c,) in few})
    if not chosen:
        return {}
    listed, sets = ", ".join(map(quote, chosen)), ", ".join(f"({quote(c)})" for c in chosen)
    values = f"(select {listed}, count(*) as n from {relation} group by grouping sets ({sets})) as by_value"
    return _filters(con, values, {n: (rows[n].judged, rows[n].wrong) for n, c in columns.items() if c in chosen}, "sum(n)") or {}


def _without_repetition(con: Connection, relation: str, keys: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Claims whose key surely does not repeat, in one scan: as many hashes as rows. (Two keys of one hash only make it look closer.)"""
    if not keys:
        return set()
    hashes = [
        (f"hash_record_extended(row({', '.join(map(quote, k))}), 0)", " or ".join(f"{quote(c)} is not null" for c in k))
        for k in keys.values()
    ]
    said = ", ".join(f"count(*) filter (where {there}) = count(distinct {h}) filter (where {there})" for h, there in hashes)
    found = _try(con, f"select {said} from {relation}")
    return {name for name, same in zip(keys, found, strict=True) if same} if found else set()


def _scan(con: Connection, relation: str, rows: Mapping[str, ByRow], judged: Mapping[str, str]) -> tuple[dict[str, Counts], set[str]]:
    """One scan for all; what cannot be counted spoils it for all, so then each is counted by itself."""
    wanted = {n: (r.judged, r.wrong) for n, r in rows.items()} | {n: (j, "false") for n, j in judged.items()}
    if (together := _filters(con, relation, wanted)) is not None:
        return together, set()
    counts: dict[str, Counts] = {}
    broken = set()
    for name, conditions in wanted.items():
        alone = _filters(con, relation, {name: conditions})
        counts |= alone or {name: (0, 0)}
        broken |= {name} if alone is None else set()
    return counts, broken


def _filters(con: Connection, relation: str, wanted: Mapping[str, tuple[str, str]], weight: str = "count(*)") -> dict[str, Counts] | None:
    """Counts of rows that meet each pair of conditions, in one scan; each condition is counted once. None when SQL refuses."""
    conditions = list(dict.fromkeys(c for pair in wanted.values() for c in pair))
    if not conditions:
        return {}
    found = _try(con, f"select {', '.join(f'coalesce({weight} filter (where {c}), 0)' for c in conditions)} from {relation}")
    if found is None:
        return None
    number = dict(zip(conditions, map(int, found), strict=True))
    return {name: (number[judged], number[wrong]) for name, (judged, wrong) in wanted.items()}


def _number(con: Connection, query: str) -> int | None:
    found = _try(con, query)
    return None if found is None else int(found[0])


def _try(con: Connection, query: str) -> tuple[Any, ...] | None:
    """The one row of a query; None when it is refused, whatever the reason: a check that breaks says nothing of the data."""
    try:
        return tuple(db.rows(con, query)[0])
    except psycopg2.Error:  # its message may quote a value
        return None


# ── what changes ─────────────────────────────────────────────────────────────────────────────────────────────────


def count_changes(
    con: Connection, changes: Changes, claims: Sequence[Claim], before: Mapping[str, Counts], places: Mapping[str, str], today: date
) -> tuple[dict[str, Counts], dict[str, int]]:
    """By what is written and what is replaced or deleted: (counts, how many rows are judged where the failures must be counted on the whole).
    `before`: counts of the published table; claims without are left out."""
    rows = {c.name: r for c in claims if c.name in before and (r := judging.by_row(c, today)) and _lasts(r, before[c.name])}
    tables = {c.name: w for c in claims if c.name in before and c.name not in rows and (w := judging.whole(c, places))}
    wanted = {n: (r.judged, r.wrong) for n, r in rows.items()} | {n: (w.judged, "false") for n, w in tables.items()}
    touched = f"(select {_listed(changes.key)} from {changes.write} union select {_listed(changes.key)} from {changes.delete})"
    old = f"select -1, p.* from {touched} as x join {changes.published} as p on {_same(changes.key, 'p', 'x')}"
    found = _filters(con, f"(select 1 as sign, w.* from {changes.write} as w union all {old}) as moved", wanted, "sum(sign)")
    if found is None:
        return {}, {}
    counts = {n: (before[n][0] + found[n][0], before[n][1] + found[n][1]) for n in rows}
    judged = {n: before[n][0] + found[n][0] for n in tables}
    for name, table in tables.items():
        if before[name][1] == 0 and (new := _dangling(con, changes, table) if table.refers else _again(con, changes, table)) is not None:
            counts[name] = (judged.pop(name), new)
    return counts, judged


def _lasts(row: ByRow, before: Counts) -> bool:
    """Whether old counts still say something of rows that did not change, though days have passed."""
    return not row.dated or (row.dated == "looser" and before[1] == 0)


def _again(con: Connection, changes: Changes, table: Whole) -> int | None:
    """Rows whose key repeats: where none did before, it can only where one is written. None where that is not all there is to it: not about
    a key, or about several columns that may be null."""
    own = sorted(table.key) == sorted(changes.key)
    if not table.key or not (own or len(table.key) == 1):
        return None
    listed = _listed(table.key)
    stay = (
        f" union all select {listed} from {changes.published} as p where ({listed}) in (select {listed} from {changes.write})"
        f" and not exists (select from {changes.write} as x where {_same(changes.key, 'p', 'x')})"
        f" and not exists (select from {changes.delete} as x where {_same(changes.key, 'p', 'x')})"
    )  # fmt: skip
    near = f"(select {listed} from {changes.write}{'' if own else stay}) as near"
    return _number(con, judging.filled(table.count, near))


def _dangling(con: Connection, changes: Changes, table: Whole) -> int | None:
    """Rows that refer to nothing: where none did before, only a written one can, or one whose other is deleted. None where the other table
    was published at another time, or is referred to by something else than its key."""
    column, place, key = table.refers or ("", "", "")
    gone, keys = changes.beside.get(place, ("", ()))
    if keys != (key,):
        return None
    mine = quote(column)
    left = (
        f"select p.{mine} from {changes.published} as p join {gone} as g on p.{mine} = g.{quote(key)}"
        f" where not exists (select from {changes.write} as x where {_same(changes.key, 'p', 'x')})"
        f" and not exists (select from {changes.delete} as x where {_same(changes.key, 'p', 'x')})"
    )
    return _number(con, judging.filled(table.count, f"(select {mine} from {changes.write} union all {left})"))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quote, columns))


def _same(key: Sequence[str], one: str, other: str) -> str:
    return " and ".join(f"{one}.{quote(k)} = {other}.{quote(k)}" for k in key)


def sizes(con: Connection, changes: Changes) -> tuple[int, int]:
    """Rows that are written or deleted, rows of the published table."""
    moved = f"(select count(*) from {changes.write}) + (select count(*) from {changes.delete})"
    ((changed, size),) = db.rows(con, f"select {moved}, (select count(*) from {changes.published})")
    return int(changed), int(size)
