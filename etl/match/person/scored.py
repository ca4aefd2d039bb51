"""Splink scores the candidate pairs; what it needs of each side is laid out here."""

import logging

import duckdb

from etl.engine import count
from etl.match.person import model

FREQUENT = ("name", "py", "phone", "addr")
RARE, UNCOMMON = 3, 40  # persons of a name: few enough to look at all of them, or all of them in one town


def frequencies(con: duckdb.DuckDBPyConnection) -> int:
    """Term frequencies over persons (identified ones, else records): `tf_<column>_of` tables. Returns the persons."""
    con.execute(
        "create or replace table person_of as select r.rid, coalesce(w.proto, 'R' || r.rid::varchar) as person from rec r left join whose w using (rid)"
    )
    persons = count(con, "select count(distinct proto) from whose") or 1
    for column in FREQUENT:
        con.execute(f"""
            create or replace table tf_{column}_of as
            select {column}, greatest(count(distinct proto), 1) as persons, greatest(count(distinct proto), 1) / {persons} as tf_{column}
            from rec left join whose using (rid) where {column} is not null group by {column}
        """)
        con.execute(f"create or replace view tf_{column}_lookup as select {column}, tf_{column} from tf_{column}_of")
    return persons


SHAPE = """
    select {uid} as unique_id, '{side}' as source_dataset, x.rid, x.proto, x.name, x.py, name_shape(x.name) as shape, l.alike, surname(x.name) as sur, x.birth, x.sex, x.phone, x.addr, x.addr2, x.place,
        case when x.place[7:9] <> '000' then x.place[:9] end as town, x.id_like,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[:14] end as id_head,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[7:18] end as id_tail,
        case when length(x.id_like) = 18 then x.id_like[:4] || x.id_like[15:18] end as mask,
        coalesce(pc.ctx, c.ctx) as ctx, list_filter(coalesce(pc.ctx, c.ctx), lambda x: x[1] = 'H')[1] as house, x.name[2:] as given, coalesce(n.persons <= {rare}, true) as name_is_rare, coalesce(n.persons <= {uncommon}, true) as name_is_uncommon
    from {rows} x left join context c using (rid) left join proto_context pc on pc.proto = x.proto
    left join tf_name_of n on n.name = x.name left join name_alike l on l.name = x.name
"""


def look_alikes(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_alike` (name, alike): names somebody here bears that differ from it in one character, and by eye hardly."""
    con.execute("""
        create or replace table name_alike as
        with known as (select distinct name from rec where length(name) in (2, 3)),
        wrong as (select name, unnest(range(1, length(name) + 1)) as i from known semi join (select r.name from rec r anti join whose using (rid)) using (name)),
        variant as (
            select w.name, w.name[:i - 1] || a.other || w.name[i + 1:] as other from wrong w join alike a on a.character = w.name[i]
        )
        select v.name, list(distinct v.other) as alike from variant v semi join known k on k.name = v.other group by v.name
    """)


def sides(con: duckdb.DuckDBPyConnection) -> None:
    """`left_side`: records not identified; `right_side`: what is told of each identified person, each saying once."""
    con.execute("""
        create or replace table left_rows as
        select r.rid, null::varchar as proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place,
            coalesce(r.own_birth, case when r.id_state in ('invalid', 'masked') then date_of_id(r.id_text) end) as birth,
            coalesce(r.own_sex, case r.role when 'husband' then '1' when 'wife' then '2' when 'mother' then '2' when 'father' then '1' end) as sex,
            case when r.id_state in ('invalid', 'masked') and length(r.id_text) = 18 then r.id_text end as id_like
        from rec r anti join whose using (rid)
    """)
    con.execute("""
        create or replace table right_rows as
        select min(r.rid) as rid, w.proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place, coalesce(date_of_id(w.proto), r.own_birth) as birth,
            (2 - substr(w.proto, 17, 1)::int % 2)::varchar as sex, w.proto as id_like
        from rec r join whose w using (rid) group by all
    """)
    for side in ("left", "right"):
        uid = "x.rid::varchar" if side == "left" else "(row_number() over ())::varchar"
        con.execute(
            f"create or replace table {side}_side as {SHAPE.format(uid=uid, side=side, rows=side + '_rows', rare=RARE, uncommon=UNCOMMON)}"
        )


def score(con: duckdb.DuckDBPyConnection, persons: int, *, within: bool, out: str) -> None:
    """Scores blocked pairs into table `out`: rid_l, rid_r, proto_r, gamma_* and mw_* per comparison."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    options = model.settings(persons) | ({"link_type": "dedupe_only"} if within else {})
    api = DuckDBAPI(connection=con)
    left = api.register("left_side", dataset_display_name="left")
    right = None if within else api.register("right_side", dataset_display_name="right")
    linker = Linker(left if right is None else [left, right], options, log_level=None)
    for column in FREQUENT:  # how rare a value is among persons, not among records
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_lookup"), column)
    if right is None:
        found = linker.inference.predict_within(left, warning_mode="never")
    else:
        found = linker.inference.predict_between(left, right, warning_mode="never")
    con.execute(f"create or replace table {out} as select * from {found.physical_name}")


def against_identified(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_identified`: records left × identified persons."""
    persons = frequencies(con)
    look_alikes(con)
    sides(con)
    score(con, persons, within=False, out="pair_identified")


def among_left(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_left`: records left × records left."""
    persons = frequencies(con)
    sides(con)
    score(con, persons, within=True, out="pair_left")
