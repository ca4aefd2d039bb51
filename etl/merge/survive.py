"""One value per field and identity, from the source its library's page believes; the losing values are kept beside."""

from datetime import date

import duckdb

from etl.engine import columns, literal, quote
from etl.spec.library import Believe


def rank(order: list[str]) -> str:
    """SQL: how far down the order of belief a dataset stands (`*` in a pattern stands for any text)."""
    cases = []
    for i, pattern in enumerate(order):
        test = (
            f"dataset like {literal(pattern.replace('_', chr(92) + '_').replace('*', '%'))} escape '\\'"
            if "*" in pattern
            else f"dataset = {literal(pattern)}"
        )
        cases.append(f"when {test} then {i}")
    return f"case {' '.join(cases)} else {len(order)} end"


# One number to order by, most believed first: rank (6 bits), age (34 bits, seconds back from the year 2242), tie (24 bits).
AGE = "(17179869184 - least(greatest(epoch(told_at)::bigint, -8589934592), 8589934591) - 8589934592)::ubigint"
TIE = "(hash(dataset, source_key) % 16777216)::ubigint"


def survive(con: duckdb.DuckDBPyConnection, told: str, ident: str, believe: dict[str, Believe], out: str, parts: int = 1) -> None:
    """`told` (ident, dataset, source_key, told_at, fields…) → table `out` (ident, <field>, and <field>__from where others' disagreement is told).

    Among equally believed sources the newest record wins; `prefer: newest` looks at time before the order of belief.
    Ties end at the dataset and key, so that any batching gives the same value. With more than one of `parts` they are taken one after the
    other, by the column `part` of `told` (0 …): so that memory is enough for as many identities as there may be.
    """
    listed = []
    orders = sorted({tuple(rule.order) for rule in believe.values()})
    places = ", ".join(f"least({rank(list(order))}, 63)::ubigint as place_{i}" for i, order in enumerate(orders))
    con.execute(f"create or replace temp table believed as select dataset, {places} from (select distinct dataset from {told})")
    for field, rule in believe.items():
        place = f"place_{orders.index(tuple(rule.order))}"
        key = (
            f"age * 1073741824 + {place} * 16777216 + tie"
            if rule.prefer == "newest"
            else f"{place} * 288230376151711744 + age * 16777216 + tie"
        )
        column = quote(field)
        listed.append(f"arg_min({column}, {key}) filter ({column} is not null) as {column}")
        if rule.disagree:
            listed.append(f"arg_min(dataset, {key}) filter ({column} is not null) as {quote(field + '__from')}")
    for part in range(parts):
        only = f"where t.part = {part}" if parts > 1 else ""
        con.execute(f"""
            {f"insert into {out}" if part else f"create or replace table {out} as"}
            select {ident}, {", ".join(listed)}
            from (select t.*, {AGE} as age, {TIE} as tie, b.* exclude (dataset) from {told} t join believed b using (dataset) {only}) group by {ident}
        """)


def override(con: duckdb.DuckDBPyConnection, library: str, kind: str, today: date, into: str) -> None:
    """Documented overrides (`published.override`) that stand today, into the fields of `into` that they name: believed before any source,
    as `override/<id>`. Each follows the record that it is bound to; when that is gone, the identity it was made for."""
    con.execute(f"""
        create or replace table overriding as
        select o.field, coalesce(m.{kind}_id, o.record_id) as ident, arg_max(o.value, o.id) as value, max(o.id) as id
        from published.override o left join matched.{kind}_member m using (dataset, source_key, role)
        where o.library = {literal(library)} and o.withdrawn_at is null and (o.until is null or o.until >= date '{today}') group by all
    """)
    kinds = columns(con, into)
    for (field,) in con.execute("select distinct field from overriding order by field").fetchall():
        if field in kinds:
            source = f", {quote(field + '__from')} = 'override/' || o.id" if field + "__from" in kinds else ""
            con.execute(
                f"update {into} set {quote(field)} = try_cast(o.value as {kinds[field]}){source} from overriding o "
                f"where o.field = {literal(field)} and o.ident = {into}.{kind}_id and try_cast(o.value as {kinds[field]}) is not null"
            )


def disagreements(con: duckdb.DuckDBPyConnection, told: str, kept: str, ident: str, believe: dict[str, Believe]) -> None:
    """Table `out.disagreement`: every record that tells another value than the one kept."""
    con.execute(
        "create or replace table out.disagreement (record_id varchar, field varchar, kept_value varchar, kept_from varchar, other_value varchar, other_from varchar, other_key varchar)"
    )
    for field, rule in believe.items():
        if rule.disagree:
            column = quote(field)
            con.execute(f"""
                insert into out.disagreement
                select k.{ident}, {literal(field)}, any_value(k.{column}::varchar), any_value(k.{quote(field + "__from")}), t.{column}::varchar, t.dataset, min(t.source_key)
                from {told} t join {kept} k on k.{ident} = t.{ident}
                where t.{column} <> k.{column} group by all
            """)
