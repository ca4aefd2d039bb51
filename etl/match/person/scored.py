"""Splink scores the candidate pairs; what it needs of each side is laid out here."""

import logging

import duckdb

from etl.engine import count
from etl.match.person import budget, model

FREQUENT = ("name", "py", "phone", "addr")
RARE, UNCOMMON = 3, 40  # persons of a name: few enough to look at all of them, or all of them in one town


def frequencies(con: duckdb.DuckDBPyConnection) -> None:
    """How many of the identified persons bear a value, and their share: `tf_<column>_of` tables, counted once."""
    persons = count(con, "select count(distinct proto) from whose") or 1
    for column in FREQUENT:
        con.execute(f"""
            create or replace table tf_{column}_of as
            select {column}, greatest(count(distinct proto), 1) as persons, greatest(count(distinct proto), 1) / {persons} as tf_{column}
            from rec left join whose using (rid) where {column} is not null group by {column}
        """)
        con.execute(f"create or replace view tf_{column}_lookup as select {column}, tf_{column} from tf_{column}_of")


SIDE = """
    select {uid} as unique_id, '{side}' as source_dataset, x.rid, x.proto, x.name, x.py, name_shape(x.name) as shape, k.alike, surname(x.name) as sur,
        x.name[2:] as given, x.birth, x.sex, x.phone, x.addr, x.addr2, x.place, case when x.place[7:9] <> '000' then x.place[:9] end as town, x.id_like,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[:14] end as id_head,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[7:18] end as id_tail,
        case when length(x.id_like) = 18 then x.id_like[:4] || x.id_like[15:18] end as mask,
        c.ctx, list_filter(c.ctx, lambda x: x[1] = 'H')[1] as house,
        coalesce(n.persons <= {rare}, true) as name_is_rare, coalesce(n.persons <= {uncommon}, true) as name_is_uncommon,
        0::bigint as skip -- blocking rules that its values are refused to (`budget`)
    from ({rows}) x left join {context} c using ({key}) left join tf_name_of n on n.name = x.name left join name_alike k on k.name = x.name
"""
LEFT = """
    select r.rid, null::varchar as proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place,
        coalesce(r.own_birth, case when r.id_state in ('invalid', 'masked') then date_of_id(r.id_text) end) as birth,
        coalesce(r.own_sex, case r.role when 'husband' then '1' when 'wife' then '2' when 'mother' then '2' when 'father' then '1' end) as sex,
        case when r.id_state in ('invalid', 'masked') and length(r.id_text) = 18 then r.id_text end as id_like
    from rec r anti join whose using (rid)
"""
RIGHT = """
    select min(r.rid) as rid, w.proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place, coalesce(date_of_id(w.proto), r.own_birth) as birth,
        (2 - substr(w.proto, 17, 1)::int % 2)::varchar as sex, w.proto as id_like
    from rec r join whose w using (rid) {only} group by all
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


def left_rows(rows: str) -> str:
    return SIDE.format(uid="x.rid::varchar", side="left", rows=rows, context="context", key="rid", rare=RARE, uncommon=UNCOMMON)


def right_rows(only: str) -> str:
    rows = RIGHT.format(only=only)
    return SIDE.format(uid="uuid()::varchar", side="right", rows=rows, context="proto_context", key="proto", rare=RARE, uncommon=UNCOMMON)


def lay_out(con: duckdb.DuckDBPyConnection) -> None:
    """`left_side`: records not identified; `right_side`: what is told of each identified person, each saying once."""
    frequencies(con)
    look_alikes(con)
    con.execute(f"create or replace table left_side as {left_rows(LEFT)}")
    con.execute(f"create or replace table right_side as {right_rows('')}")


def _score(con: duckdb.DuckDBPyConnection, left: str, right: str | None, stage: str) -> str:
    """Name of a table of the blocked pairs of two sides, or within one: rid_l, rid_r, proto_r, gamma_* and mw_* per comparison."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    persons = count(con, "select count(distinct proto) from whose")
    options = model.settings(persons) | ({"link_type": "dedupe_only"} if right is None else {})
    options["blocking_rules_to_generate_predictions"] = budget.rules(con, left, right, stage)
    api = DuckDBAPI(connection=con)
    one = api.register(left, dataset_display_name="left")
    other = api.register(right, dataset_display_name="right") if right else None
    linker = Linker(one if other is None else [one, other], options, log_level=None)
    for column in FREQUENT:  # how rare a value is among persons, not among records
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_lookup"), column)
    if other is None:
        found = linker.inference.predict_within(one, warning_mode="never")
    else:
        found = linker.inference.predict_between(one, other, warning_mode="never")
    return str(found.physical_name)


def against_identified(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_identified`: records left × identified persons."""
    con.execute(f"create or replace table pair_identified as select * from {_score(con, 'left_side', 'right_side', 'identified')}")


def again(con: duckdb.DuckDBPyConnection) -> None:
    """Scores anew what the last attachments changed: the persons of whom more is told, the records with more about them."""
    _move(con)
    con.execute("create or replace table left_part as select * from left_side semi join changed_record using (rid)")
    con.execute("create or replace table right_part as select * from right_side semi join changed_person using (proto)")
    con.execute("create or replace table right_rest as select * from right_side anti join changed_person using (proto)")
    con.execute("""
        delete from pair_identified where rid_l not in (select rid from left_side) or rid_l in (select rid from left_part)
            or proto_r in (select proto from changed_person)
    """)
    for left, right in (("left_side", "right_part"), ("left_part", "right_rest")):
        if count(con, f"select count(*) from {left}") and count(con, f"select count(*) from {right}"):
            con.execute(f"insert into pair_identified by name select * from {_score(con, left, right, 'again')}")


def among_left(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_left`: records left × records left."""
    _move(con)
    con.execute(f"create or replace table pair_left as select * from {_score(con, 'left_side', None, 'left')}")


def _move(con: duckdb.DuckDBPyConnection) -> None:
    """Who was attached is no longer left, and is among what is told of the person."""
    con.execute("delete from left_side where rid in (select a from newly) or rid in (select rid from changed_record)")
    con.execute(f"insert into left_side by name {left_rows(LEFT + ' semi join changed_record using (rid)')}")
    con.execute("delete from right_side where proto in (select proto from changed_person)")
    con.execute(f"insert into right_side by name {right_rows('semi join changed_person using (proto)')}")
