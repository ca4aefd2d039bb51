"""Why this is one person or one entity: its records and how each was tied, whom each field was taken from, who said otherwise."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db, migrate, spec
from etl.errors import UsageError
from etl.records import LIBRARY, NOUN, Record, Told, Weight, told, weights
from etl.settings import Settings
from etl.spec import Registry
from etl.spec.library import Believe
from etl.spec.registry import nearest

REGISTER = "public_security/household_register"
OWN = {"person": ("self", "child", "husband", "wife"), "entity": ("self",)}  # roles in which a record speaks for itself
NOT_SAID = {"person_id", "entity_id", "geom", "row_hash", "version_from", "address_code"}
# a golden field → the fields it is believed by, the first that anybody tells
BELIEVED: dict[str, dict[str, tuple[str, ...]]] = {
    "person": {"sex_code": ("id_sex", "sex_code"), "birth_date": ("id_birth", "birth_date")},
    "entity": {
        "organization_code": ("uscc_organization_code", "any_organization_code"),
        "registration_number": ("any_registration_number",),
    },
}
BORROWS = {"id_sex": "citizen_id", "id_birth": "citizen_id", "uscc_organization_code": "uscc"}
BORROWED = {"id_sex": "由公民身份号码", "id_birth": "由公民身份号码", "uscc_organization_code": "由统一社会信用代码"}


@dataclass(frozen=True)
class Member:
    """A record that makes up the identity."""

    record: Record
    rule: str
    rule_title: str
    probability: float
    former: bool


@dataclass(frozen=True)
class Edge:
    """Two of its records that were tied, by which rule, with how much evidence."""

    left: Record
    right: Record
    rule: str
    rule_title: str
    probability: float
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class Field:
    """A golden value, the record it came from, and who says otherwise: (value, datasets)."""

    name: str
    value: Any
    source: Record | None
    reason: str
    others: tuple[tuple[Any, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Explanation:
    """All that is known of why an identity is what it is."""

    kind: str
    ident: str
    asked: str
    redirects: list[tuple[str, str, datetime, str]]
    current: bool
    members: list[Member]
    edges: list[Edge]
    fields: list[Field]
    judgements: list[tuple[str, str, Record, Record, str, datetime, date | None]]  # pair, verdict, left, right, by, at, until
    registry: Registry = field(repr=False)


def explain(settings: Settings, kind: str, ident: str) -> Explanation:
    """Explains a person or entity by its id, an id it once had, or one of its records (dataset|source_key|role)."""
    migrate.migrate(settings)
    registry = spec.load()
    con = db.connect(settings, autocommit=True)
    try:
        asked = whose(con, kind, ident) if "|" in ident else ident.strip()
        found, redirects = followed(con, kind, asked)
        rules = rule_titles(con, kind)
        members = _members(con, kind, found, rules)
        golden = _golden(con, kind, found)
        if not members and golden is None:
            _unknown(con, kind, asked)
        said = told(con, registry, kind, [m.record for m in members])
        names = [str(m.record) for m in members]
        put = _overrides(con, kind, [tuple(m.record) for m in members], settings.today)
        return Explanation(
            kind,
            found,
            asked,
            redirects,
            golden is not None,
            members,
            _edges(con, kind, names, rules),
            list(_fields(registry, kind, golden or {}, members, said, put)),
            _judgements(con, kind, names, settings.today),
            registry,
        )
    finally:
        con.close()


def rule_titles(con: Connection, kind: str) -> dict[str, tuple[str, bool]]:
    """Rule → (what it is called, whether it is certain)."""
    return {r: (t, c) for r, t, c in db.rows(con, "select rule, title, certain from match.rule where kind = %s", [kind])}


def whose(con: Connection, kind: str, text: str) -> str:
    """The id of the identity that a record belongs to; UsageError when it is nobody's."""
    try:
        record = Record.of(text.strip())
    except ValueError:
        raise UsageError("记录应写成“数据集|来源主键|角色”") from None
    sql = f"select {kind}_id from match.{kind}_member where (dataset, source_key, role) = %s"
    if found := db.rows(con, sql, [tuple(record)]):
        return str(found[0][0])
    raise UsageError(f"库中没有这样一条提到{NOUN[kind]}的记录；应写成“数据集|来源主键|角色”")


def followed(con: Connection, kind: str, ident: str) -> tuple[str, list[tuple[str, str, datetime, str]]]:
    """The id of today, and the redirects that led to it."""
    steps: list[tuple[str, str, datetime, str]] = []
    table = f"{LIBRARY[kind]}.{kind}_redirect"
    while step := db.rows(con, f"select old_id, new_id, at, why from {table} where old_id = %s", [ident]):
        if any(ident == old for old, *_ in steps):
            break
        steps.append(step[0])
        ident = step[0][1]
    return ident, steps


def _unknown(con: Connection, kind: str, ident: str) -> None:
    """Refuses an id that nobody has; what was typed may be anything and is repeated only when it looks like an id."""
    known = [
        r[0]
        for r in db.rows(
            con, f"select {kind}_id from {LIBRARY[kind]}.{kind} where {kind}_id like %s order by 1 limit 500", [ident[:3] + "%"]
        )
    ]
    shown = f" {ident}" if re.fullmatch("[PE][0-9A-F]{1,16}", ident) else "这样的标识"
    close = nearest(ident, known) if known and shown.strip() == ident else f"标识以 {'P' if kind == 'person' else 'E'} 开头，后接 16 位"
    raise UsageError(f"没有{NOUN[kind]}{shown}；{close}")


def _members(con: Connection, kind: str, ident: str, rules: dict[str, tuple[str, bool]]) -> list[Member]:
    found = db.rows(
        con,
        f"select m.dataset, m.source_key, m.role, coalesce(r.rule, ''), coalesce(r.probability, 1), m.former from match.{kind}_member m "
        f"left join {LIBRARY[kind]}.{kind}_record r using (dataset, source_key, role) where m.{kind}_id = %s order by m.former, m.first_delivered_on, m.dataset, m.source_key, m.role",
        [ident],
    )
    return [Member(Record(d, k, o), rule, rules.get(rule, (rule, True))[0], p, former) for d, k, o, rule, p, former in found]


def _golden(con: Connection, kind: str, ident: str) -> dict[str, Any] | None:
    with con.cursor() as c:
        c.execute(f"select * from {LIBRARY[kind]}.{kind} where {kind}_id = %s", [ident])
        row = c.fetchone()
        return {d.name: v for d, v in zip(c.description or (), row, strict=True) if d.name not in NOT_SAID} if row else None


def _edges(con: Connection, kind: str, names: list[str], rules: dict[str, tuple[str, bool]]) -> list[Edge]:
    found = db.rows(
        con,
        f"select left_record, right_record, rule, probability, evidence from match.{kind}_edge where left_record = any(%s) and right_record = any(%s) "
        "order by probability desc, rule, left_record, right_record",
        [names, names],
    )
    edges = []
    for left, right, rule, probability, evidence in found:
        title, certain = rules.get(rule, (rule, True))
        listed = [] if certain or not evidence else weights(json.loads(evidence))
        edges.append(Edge(Record.of(left), Record.of(right), rule, title, probability, tuple(listed)))
    return edges


def _judgements(
    con: Connection, kind: str, names: list[str], today: date
) -> list[tuple[str, str, Record, Record, str, datetime, date | None]]:
    found = db.rows(
        con,
        "select left(md5(left_record || ' ~ ' || right_record), 8), verdict, left_record, right_record, by, at, until from match.judgement "
        "where kind = %s and (left_record = any(%s) or right_record = any(%s)) and withdrawn_at is null and (until is null or until >= %s) order by id",
        [kind, names, names, today],
    )
    return [(pair, verdict, Record.of(a), Record.of(b), by, at, until) for pair, verdict, a, b, by, at, until in found]


def _overrides(con: Connection, kind: str, members: list[tuple[str, ...]], today: date) -> dict[str, str]:
    """Field → who put its value there, on what ground and until when: documented overrides come before every source."""
    found = db.rows(
        con,
        "select field, id, by, why, until from quality.override where library = %s and (dataset, source_key, role) in %s "
        "and withdrawn_at is null and (until is null or until >= %s) order by id",
        [LIBRARY[kind], tuple(members) or (("", "", ""),), today],
    )
    return {f: f"平台更正（第 {n} 号，{by}：{why}{f'，至 {until}' if until else ''}）" for f, n, by, why, until in found}


# ── whom each field was taken from ───────────────────────────────────────────────────────────────────────────────


def _values(kind: str, said: Told, rule: str) -> dict[str, Any]:
    """What a record's saying is worth in the merge: placeholders and another's number are nothing said."""
    values = dict(said.values)
    if kind == "person":
        name = values.get("name")
        if (values.get("name_state") or "ok") != "ok" or re.search(r"[?？□*＊a-zA-Z<>;=]", name or ""):
            values["name"] = None
        number = values["citizen_id"] = values.get("citizen_id") if rule.startswith("id") else None
        values["id_sex"] = str(2 - int(number[16]) % 2) if number else None
        values["id_birth"] = date(int(number[6:10]), int(number[10:12]), int(number[12:14])) if number else None
        values["ethnicity_code"] = None if values.get("ethnicity_code") == "97" else values.get("ethnicity_code")
    else:
        uscc = values["uscc"] = values.get("code_uscc")
        values["uscc_organization_code"] = uscc[8:17] if uscc else None
        values["any_organization_code"] = values.get("code_organization_code") or (uscc[8:17] if uscc else values.get("organization_code"))
        values["any_registration_number"] = values.get("code_registration_number") or values.get("registration_number")
        if values.get("status") is None and values.get("tax_state") == "cancelled":
            values["status"] = "cancelled"
    return values


@dataclass(frozen=True)
class _Voice:
    """A record that had a say."""

    record: Record
    values: dict[str, Any]
    told_at: datetime


def _fields(
    registry: Registry, kind: str, golden: dict[str, Any], members: list[Member], said: dict[Record, Told], put: dict[str, str]
) -> Iterator[Field]:
    """Every golden field, its source recomputed by the library's order of belief."""
    believe = registry.libraries[LIBRARY[kind]].believe[kind]
    voices = [
        _Voice(m.record, _values(kind, said[m.record], m.rule), said[m.record].told_at)
        for m in members
        if m.record in said and (said[m.record].removed_on is None or (kind == "person" and m.record.dataset == REGISTER))
    ]
    for name, value in golden.items():
        source, reason = (None, put[name]) if name in put else _source(kind, name, value, voices, believe)
        rule = believe.get(BELIEVED[kind].get(name, (name,))[-1])
        yield Field(name, value, source, reason, _others(kind, name, value, voices) if rule and rule.disagree else ())


def _source(kind: str, name: str, value: Any, voices: list[_Voice], believe: dict[str, Believe]) -> tuple[Record | None, str]:
    """The record that a value came from, and why that one."""
    if value is None:
        return None, ""
    for candidate in BELIEVED[kind].get(name, (name,)):
        rule = believe.get(BORROWS.get(candidate, candidate)) if candidate not in believe else believe[candidate]
        telling = [v for v in voices if v.values.get(candidate) is not None]
        if rule and telling:
            first = min(telling, key=lambda v: _order(v, rule))
            if _same(name, first.values[candidate], value):
                return first.record, BORROWED.get(
                    candidate, "最新的说法" if rule.prefer == "newest" else _place(first.record.dataset, rule)
                )
    agreeing = [v for v in voices if _same(name, v.values.get(name), value)]
    if agreeing:
        newest = max(agreeing, key=lambda v: (v.told_at, v.record))
        return newest.record, "多数记录的写法" if name in believe else "最新的说法"
    return None, "由地址读出" if name.endswith("region_code") else "由规则推出"


def _rank(dataset: str, rule: Believe) -> int:
    return next((i for i, pattern in enumerate(rule.order) if fnmatchcase(dataset, pattern)), len(rule.order))


def _order(voice: _Voice, rule: Believe) -> tuple[Any, ...]:
    rank, age = _rank(voice.record.dataset, rule), -voice.told_at.timestamp()
    return (*((age, rank) if rule.prefer == "newest" else (rank, age)), voice.record)


def _place(dataset: str, rule: Believe) -> str:
    rank = _rank(dataset, rule)
    return f"采信次序第 {rank + 1} 位" if rank < len(rule.order) else "采信次序之外，别无来源"


def _same(name: str, one: Any, other: Any) -> bool:
    """Equal as published: division codes are filled up with zeros or cut to the county."""
    if one is None or other is None:
        return False
    if name.endswith("region_code"):
        return str(one).startswith(str(other)) or str(other).rstrip("0") == str(one).rstrip("0")
    return bool(one == other) or str(one) == str(other)


def _others(kind: str, name: str, value: Any, voices: list[_Voice]) -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """Other values, and the datasets that tell them."""
    column = BELIEVED[kind].get(name, (name,))[-1]
    found: dict[Any, set[str]] = {}
    for v in voices:
        other = v.values.get(column)
        if v.record.role in OWN[kind] and other is not None and not _same(name, other, value):
            found.setdefault(other, set()).add(v.record.dataset)
    return tuple((other, tuple(sorted(datasets))) for other, datasets in sorted(found.items(), key=lambda x: str(x[0])))
