"""Two people's records weighed on the spot, by the linkage's own steps on a workbench of a few rows (`etl.match.person`).

Differs from a run in one thing: how rare a name, phone or plate is comes from the published library, not from every record's saying.
"""

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import quote
from etl.match.entity import named
from etl.match.person import context, decided, model, prepare, sayings, scored
from etl.match.pinyin import pinyin
from etl.records import Record, Told, Weight, told, weights
from etl.spec import Registry

Members = Sequence[tuple[Record, str]]  # record, rule
META = {"dataset": "VARCHAR", "source_key": "VARCHAR", "role": "VARCHAR", "row_number": "BIGINT", "first_delivered_on": "DATE", "delivered_on": "DATE", "removed_on": "DATE"}  # fmt: skip
# What the score alone may not decide (`GUARD` in etl/match/person/decided.py), in words, by what became of the name.
ASKED = {
    "alike": "姓名只是形近：须出生日期相同，或没有出生日期而性别不矛盾且电话、住址有一样相同",
    "one_character": "姓名差一字：须出生日期相同，且号码相近，或电话与住址都相同",
    "one_of_two": "两字名差一字：须出生日期相同，且号码相近，或电话与住址都相同",
    "other_surname": "名同姓异：须出生日期相同且电话、住址或号码有一样相符，或没有出生日期而电话、住址都相同",
    "surname": "只有姓同：须出生日期相同且号码相近",
    "else": "姓名不同：不凭分数合并",
    "": "没有姓名：须出生日期相同且另有一样相同，或电话、住址都相同",
}
COLUMNS = {
    "name": "姓名", "birth": "出生日期", "phone": "电话", "addr": "住址", "addr2": "另一地址", "town": "乡镇街道", "py": "姓名读音", "sur": "姓", "given": "名",
    "id_head": "号码前段", "id_tail": "号码后段", "mask": "遮盖的号码", "house": "户号",
}  # fmt: skip


@dataclass(frozen=True)
class Weighed:
    """A pair with its weights, and what the rules beside the score said: (rule, passed, in words)."""

    left: Record
    right: Record
    weights: tuple[Weight, ...] = ()
    said: tuple[tuple[str, bool | None, str], ...] = ()


def lines(kind: str) -> dict[str, float]:
    """Thresholds in bits."""
    if kind == "entity":
        return {"接受": named.ACCEPT - 3}
    limits = model.parameters()["thresholds"]
    return {"复核": _bits(limits["review"]), "接受": _bits(limits["accept"])}


def margin(kind: str) -> float:
    """By how many bits the best must lead the next."""
    return named.MARGIN if kind == "entity" else float(model.parameters()["thresholds"]["margin_bits"])


def threshold(kind: str, bits: float) -> tuple[bool, str]:
    """Whether so much evidence is enough, and how far it is from the nearest threshold."""
    marks = lines(kind)
    accept = marks["接受"]
    name, nearest = min(marks.items(), key=lambda x: abs(x[1] - bits))
    distance = "高" if bits >= nearest else "低"
    return (
        bits >= accept,
        f"合计 {bits:+.1f} 比特；接受线 {accept:+.1f}，最近的是{name}线 {nearest:+.1f}，{distance} {abs(bits - nearest):.1f} 比特",
    )


def _bits(probability: float) -> float:
    return math.log2(probability / (1 - probability))


# ── the workbench ────────────────────────────────────────────────────────────────────────────────────────────────


def weigh(
    con: Connection,
    duck: duckdb.DuckDBPyConnection,
    registry: Registry,
    left: Members,
    right: Members,
    ones: Sequence[Record],
    others: Sequence[Record],
) -> Weighed:
    """The best pair between the records `ones` and `others`, of identities that consist of `left` and `right`.

    A record without a usable number is weighed against all that is told of the other's identified person, as in a run;
    of two identified persons, or within one identity, record against record.
    """
    together = left == right
    turned = not together and _identified(left) and not _identified(right)
    if turned:
        left, right, ones, others = right, left, others, ones
    whole = not together and _identified(right)
    free = {*ones, *others} if together else {r for r, _ in left}
    _lay(con, duck, registry, [*left, *right], free, set(ones), set(others))
    _frequencies(con, duck)
    sayings.names(duck)
    duck.execute(f"create or replace table left_row as {scored.LEFT}")
    scored.look_alikes(duck)
    mine = "rid in (select rid from asked where side = {side})"
    of_person = "proto in (select proto from whose join asked using (rid) where side = 1)"
    free_rows = scored.left_rows(scored.LEFT)
    duck.execute(f"create or replace table one_side as select * from ({free_rows}) where {mine.format(side=0)}")
    other_rows, theirs = (
        (scored.right_rows(scored.RIGHT.format(whose="from whose")), of_person) if whole else (free_rows, mine.format(side=1))
    )
    duck.execute(f"create or replace table other_side as select * replace ('right' as source_dataset) from ({other_rows}) where {theirs}")
    return _best(duck, others[0], "proto_r" if whole else "rid_r", turned=turned)


def _identified(members: Members) -> bool:
    return any(rule.startswith("id") for _, rule in members)


def _lay(
    con: Connection,
    duck: duckdb.DuckDBPyConnection,
    registry: Registry,
    members: Members,
    free: set[Record],
    ones: set[Record],
    others: set[Record],
) -> None:
    """`rec`, `whose`, `context` of the people and of the kin named beside them; `asked` (rid, side). `free`: taken as if not identified."""
    everybody = _people(con, [r for r, _ in members])
    said = told(con, registry, "person", [r for r, _, _ in everybody])
    for schema in ("feed", "past", "published"):
        duck.execute(f"create schema if not exists {schema}")
    fields = registry.libraries["population"].inputs["person"].fields
    _table(duck, "feed.person", META | fields, (_row(t, fields) for t in said.values()))
    duck.execute("create or replace table past.person as select * from feed.person limit 0")
    _published(con, duck, list(said))
    prepare.records(duck)
    known = [(*r, ident, rule, r in free, 0 if r in ones else 1 if r in others else None) for r, ident, rule in everybody]
    _table(duck, "known", {"dataset": "VARCHAR", "source_key": "VARCHAR", "role": "VARCHAR", "ident": "VARCHAR", "rule": "VARCHAR", "free": "BOOLEAN", "side": "INTEGER"}, known)  # fmt: skip
    duck.execute("""
        create or replace table member as select r.rid, r.number, k.ident, k.rule, k.free, k.side from rec r join known k using (dataset, source_key, role);
        create or replace table asked as select rid, side from member where side is not null;
        create or replace table proto_of as select ident, min(number) as proto from member where rule like 'id%' and number is not null group by ident;
        create or replace table identified_record as select m.rid, p.proto, m.rule from member m join proto_of p using (ident) where m.rule like 'id%' and not m.free;
        create or replace table attached as select m.rid as a, p.proto, 1.0::double as probability, m.rule, null::varchar as evidence
            from member m join proto_of p using (ident) where m.rule not like 'id%' and not m.free
    """)
    context.own(duck)
    context.of_persons(duck)
    context.of_records(duck)


def _people(con: Connection, records: list[Record]) -> list[tuple[Record, str, str]]:
    """(record, identity, rule) of everybody whose record it is, and of everybody named in the same rows."""
    rows = db.rows(
        con,
        """
        with kin as (
            select distinct m.person_id from match.person_member m
            where (m.dataset, m.source_key) in (select * from unnest(%s::text[], %s::text[]))
        )
        select m.dataset, m.source_key, m.role, m.person_id, coalesce(r.rule, 'alone')
        from match.person_member m join kin using (person_id) left join population.person_record r using (dataset, source_key, role) order by 1, 2, 3
        """,
        [[r.dataset for r in records], [r.source_key for r in records]],
    )
    return [(Record(d, k, o), ident, rule) for d, k, o, ident, rule in rows]


def _row(said: Told, fields: Iterable[str]) -> list[object]:
    day = said.told_at.date()
    return [*said.record, 1, day, day, said.removed_on, *(said.told_at if f == "told_at" else said.values.get(f) for f in fields)]


def _table(duck: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: Iterable[Sequence[object]]) -> None:
    """A small table, row by row: a few hundred at most."""
    duck.execute(f"create or replace table {name} ({', '.join(f'{quote(n)} {k}' for n, k in columns.items())})")
    if listed := [list(r) for r in rows]:
        duck.executemany(f"insert into {name} values ({', '.join('?' * len(columns))})", listed)


def _published(con: Connection, duck: duckdb.DuckDBPyConnection, records: list[Record]) -> None:
    """What the linkage reads of other libraries, for these records."""
    keys = [[r.dataset for r in records], [r.source_key for r in records]]
    only = "where (dataset, source_key) in (select * from unnest(%s::text[], %s::text[]))"
    match = db.rows(con, f"select dataset, source_key, role, address_code, region_code, level from geospatial.address_match {only}", keys)
    firm = db.rows(con, f"select dataset, source_key, role, entity_id from legal_entity.entity_record {only}", keys)
    text = dict.fromkeys(("dataset", "source_key", "role"), "VARCHAR")
    _table(duck, "published.address_match", text | dict.fromkeys(("address_code", "region_code", "level"), "VARCHAR"), match)
    _table(duck, "published.entity_record", text | {"entity_id": "VARCHAR"}, firm)


def _frequencies(con: Connection, duck: duckdb.DuckDBPyConnection) -> None:
    """`tf_<column>_of` and its lookup for the values of these records, as the library counts them."""
    persons = _city(con)
    duck.execute(f"create or replace table city as select {persons} as persons")
    for column, published in {"name": "name", "phone": "phone", "addr": "address_code"}.items():
        values = [v for (v,) in duck.execute(f"select distinct {column} from rec where {column} is not null").fetchall()]
        sql = f"select {published}, count(*) from population.person where {published} = any(%s) and citizen_id is not null group by 1"
        seen = dict(db.rows(con, sql, [values]))
        _frequency(duck, column, {v: seen.get(v, 1) for v in values}, persons)
    _frequency(duck, "py", _spoken(con, duck), persons)


def _city(con: Connection) -> int:
    return int(db.rows(con, "select count(*) from population.person where citizen_id is not null")[0][0]) or 1


def _frequency(duck: duckdb.DuckDBPyConnection, column: str, persons: dict[str, int], whole: int) -> None:
    _table(
        duck,
        f"tf_{column}_of",
        {column: "VARCHAR", "persons": "BIGINT", f"tf_{column}": "DOUBLE"},
        ((v, n, n / whole) for v, n in persons.items()),
    )
    duck.execute(f"create or replace view tf_{column}_lookup as select {column}, tf_{column} from tf_{column}_of")


def _spoken(con: Connection, duck: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many bear a name that sounds so; the city's names are spelt out only where two names here sound alike."""
    every = [v for (v,) in duck.execute("select distinct py from rec where py is not null").fetchall()]
    shared = [v for (v,) in duck.execute("select py from rec where py is not null group by py having count(distinct name) > 1").fetchall()]
    counted = dict.fromkeys(every, 1)
    if shared:
        lengths = [n for (n,) in duck.execute("select distinct length(name) from rec where list_contains(?, py)", [shared]).fetchall()]
        names = db.rows(
            con,
            "select name, count(*) from population.person where char_length(name) = any(%s) and citizen_id is not null group by 1",
            [lengths],
        )
        told_names = pa.table({"name": pa.array([n for n, _ in names], pa.string()), "n": pa.array([n for _, n in names], pa.int64())})
        duck.register("city_name", told_names)
        pinyin(duck, "select name from city_name", "city_spoken")
        counted |= dict(
            duck.execute(
                "select py, sum(n)::bigint from city_name join city_spoken using (name) where list_contains(?, py) group by py", [shared]
            ).fetchall()
        )
    return counted


# ── the pair ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _best(duck: duckdb.DuckDBPyConnection, other: Record, right: str, *, turned: bool) -> Weighed:
    """Every pair of `one_side` and `other_side`, weighed by Splink; the heaviest, with what the rules beside the score say."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    persons = int(duck.execute("select persons from city").fetchall()[0][0])
    options = model.settings(persons) | {"blocking_rules_to_generate_predictions": ["1 = 1"]}
    api = DuckDBAPI(connection=duck)
    one, two = api.register("one_side", dataset_display_name="left"), api.register("other_side", dataset_display_name="right")
    linker = Linker([one, two], options, log_level=None)
    for column in scored.FREQUENT:
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_lookup"), column)
    pairs = linker.inference.predict_between(one, two, warning_mode="never").physical_name
    duck.execute(f"create or replace table weighed as {decided.combined(str(pairs), right, persons)}")
    a, b, told_weights, guarded = duck.execute(
        f"select a, b, {decided.weights()}, coalesce(({decided.GUARD}), false) from weighed order by bits desc, a, b limit 1"
    ).fetchall()[0]
    listed = tuple(weights(json.loads(told_weights)))
    first = Record(*duck.execute(f"select dataset, source_key, role from rec where rid = {a}").fetchall()[0])
    second = (
        Record(*duck.execute(f"select dataset, source_key, role from rec where rid = {b}").fetchall()[0]) if right == "rid_r" else other
    )
    said = (*_kin(duck, a, b, right), _candidate(duck, a, b, right), _guard(listed, guarded=guarded))
    return Weighed(second, first, listed, said) if turned else Weighed(first, second, listed, said)


def _candidate(duck: duckdb.DuckDBPyConnection, a: int, b: int, right: str) -> tuple[str, bool | None, str]:
    """Which blocking rules bring the two together."""
    where = f"l.rid = {a} and r.{'proto' if right == 'proto_r' else 'rid'} = {b}"
    tests = ", ".join(f"coalesce(bool_or({rule}), false)" for rule in model.BLOCKING)
    found = duck.execute(f"select {tests} from one_side l, other_side r where {where}").fetchall()[0]
    rules = [rule for rule, met in zip(model.BLOCKING, found, strict=True) if met]
    if not rules:
        return "候选", False, f"没有一条分块规则把两条放到一起（{len(model.BLOCKING)} 条规则各要两样相同），运行时不比较"
    named_rules = sorted(
        {"＋".join(dict.fromkeys(COLUMNS[c] for c in _columns(rule) if c in COLUMNS)) for rule in rules}, key=lambda x: (len(x), x)
    )
    return "候选", True, f"{len(rules)} 条分块规则把两条放到一起：{'；'.join(named_rules[:4])}"


def _columns(rule: str) -> list[str]:
    return [term.split(".")[1].split(" ")[0] for term in rule.split(" and ") if term.startswith("l.")]


def _guard(listed: Sequence[Weight], *, guarded: bool) -> tuple[str, bool | None, str]:
    """What no sum of weak evidence may override."""
    levels = {w.comparison: w.level for w in listed}
    if guarded:
        return "情理", True, "姓名、性别、出生日期之间没有说不通的"
    asked = ASKED.get(levels.get("name", ""))
    if asked:
        return "情理", False, asked
    if levels.get("sex") == "else":
        return "情理", False, "性别不同：须出生日期相同"
    return "情理", False, "出生日期不同：须号码相近、电话相同或同户"


def _kin(duck: duckdb.DuckDBPyConnection, a: int, b: int, right: str) -> list[tuple[str, bool | None, str]]:
    """Two parties of one row are not each other; who acts for others is grown up."""
    theirs = f"select rid from whose where proto = {b}" if right == "proto_r" else f"select {b} as rid"
    roles = "('self', 'child', 'guardian', 'mother', 'father', 'husband', 'wife', 'spouse')"
    same_row = duck.execute(
        f"select count(*) from rec x join rec y on y.dataset = x.dataset and y.source_key = x.source_key and y.role <> x.role "
        f"where x.rid = {a} and y.rid in ({theirs}) and x.role in {roles} and y.role in {roles}"
    ).fetchall()[0][0]
    said: list[tuple[str, bool | None, str]] = (
        [("同一行", False, "两者是同一行里的亲属（父母子女、夫妻、监护人），不是同一个人")] if same_row else []
    )
    if right == "proto_r":
        young = duck.execute(
            f"select coalesce(datediff('year', birth_of({b}), told_at) < {decided.GROWN_UP}, false) from rec where rid = {a} and role in {decided.ADULT}"
        ).fetchall()
        said += [("成年", False, f"替人办事、结婚或任职的是成年人，而对方当时不满 {decided.GROWN_UP} 岁")] if young and young[0][0] else []
    return said
