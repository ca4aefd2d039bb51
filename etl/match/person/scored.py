"""Splink scores the candidate pairs; what it needs of each side is laid out here."""

import logging
from functools import partial

import duckdb

from etl.engine import count
from etl.match.person import blocked, budget, context, model, prepare, sayings
from etl.spread import Input, Part, Work, spread

FREQUENT = ("name", "py", "phone", "addr")
RARE, UNCOMMON = 3, 40  # persons of a name: few enough to look at all of them, or all of them in one town


# What Splink compares and blocking rules read, of either side.
SIDE = """
    select x.rid as unique_id, '{side}' as source_dataset, x.rid, x.mark, x.proto, x.name, x.py, n.shape, {alike} as alike, n.sur, n.given, x.birth, x.sex,
        x.phone, x.addr, x.addr2, x.place, case when x.place[7:9] <> '000' then x.place[:9] end as town, x.id_like,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then try_cast(x.id_like[:14] as bigint) end as id_head,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then try_cast(x.id_like[7:17] as bigint) * 11 + check_of_text(x.id_like) end as id_tail,
        case when length(x.id_like) = 18 then try_cast(x.id_like[:4] || x.id_like[15:17] as bigint) * 11 + check_of_text(x.id_like) end as mask,
        c.ctx, c.house, {rare} as name_is_rare, {uncommon} as name_is_uncommon,
        0::bigint as skip -- blocking rules that its values are refused to (`budget`)
    from ({rows}) x left join {context} c using ({key}) left join name_told n on n.number = hash(x.name) {more}
"""
LEFT = """
    select r.rid, r.mark, null::bigint as proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place,
        coalesce(r.own_birth, case when r.id_state in ('invalid', 'masked') then date_of_id(r.id_text) end) as birth,
        coalesce(r.own_sex, case r.role when 'husband' then '1' when 'wife' then '2' when 'mother' then '2' when 'father' then '1' end) as sex,
        case when r.id_state in ('invalid', 'masked') and length(r.id_text) = 18 then r.id_text end as id_like, r.line, r.role, r.told_at
    from rec r anti join whose using (rid)
"""
# What records tell of the person that they are known to be.
RIGHT = "select w.rid, w.proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place from ({whose}) w join rec r using (rid)"


def frequencies(con: duckdb.DuckDBPyConnection, of: str = "left_row") -> None:
    """How many of the identified persons bear a value that a record of these (those left) bears, and their share, from `told_row`:
    `tf_<column>_of` tables, counted once."""
    persons = context.persons(con)
    for column in FREQUENT:
        con.execute(f"""
            create or replace table tf_{column}_of as
            with asked as (select distinct {column}, hash({column}) as number from {of} where {column} is not null),
            borne as (select number, count(distinct proto) as persons from (select {column} as number, proto from told_row) semi join asked using (number) group by number)
            select {column}, coalesce(persons, 1) as persons, coalesce(persons, 1) / {persons} as tf_{column} from asked left join borne using (number)
        """)
        con.execute(f"create or replace view tf_{column}_lookup as select {column}, tf_{column} from tf_{column}_of")


def look_alikes(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_alike` (name, alike): names somebody here bears that differ from it in one character, and by eye hardly; of the names left."""
    con.execute("""
        create or replace table name_alike as
        with wrong as (
            select name, i, name[:i - 1] as before, name[i + 1:] as after
            from (select name, unnest(range(1, length(name) + 1)) as i from (select distinct name from left_row where length(name) in (2, 3)))
        ),
        variant as (select w.name, w.before || a.other || w.after as other from wrong w join alike a on a.character = w.name[w.i])
        select v.name, list(distinct v.other) as alike from variant v semi join name_told k on k.number = hash(v.other) group by v.name
    """)


def left_rows(rows: str) -> str:
    """SQL: rows of `LEFT`, with all that the comparisons and the blocking rules read."""
    return SIDE.format(
        side="left", rows=rows, context="context", key="rid", alike="k.alike",
        rare=f"coalesce(t.persons <= {RARE}, true)", uncommon=f"coalesce(t.persons <= {UNCOMMON}, true)",
        more="left join name_alike k on k.name = x.name left join tf_name_of t on t.name = x.name",
    )  # fmt: skip


def right_rows(told: str) -> str:
    """SQL: rows of `told` (as `RIGHT` gives them), in the same columns; what is asked of the left side alone is not told of them."""
    rows = (
        f"select *, null::ubigint as mark, birth_of(proto) as birth, sex_of(proto)::varchar as sex, id_of(proto) as id_like from ({told})"
    )
    theirs = f"(select proto, ctx, house from proto_context semi join ({told}) using (proto))"
    return SIDE.format(side="right", rows=rows, context=theirs, key="proto", alike="null::varchar[]", rare="null", uncommon="null", more="")


def lay_out(con: duckdb.DuckDBPyConnection) -> None:
    """`left_side`: records not identified; `told_row`. What is told is laid out in full of the rows alone that a rule reaches (`near`)."""
    sayings.of_persons(con)
    con.execute(f"create or replace table left_row as {LEFT}")
    frequencies(con)
    look_alikes(con)
    con.execute(f"create or replace table left_side as {left_rows('from left_row')}")


def _score(con: duckdb.DuckDBPyConnection, left: str, right: str | None, stage: str) -> str:
    """SQL: the blocked pairs of two sides, or within one: rid_l, rid_r, proto_r, gamma_* and mw_* per comparison.

    The heavy part of matching, and so spread where there is more than one machine: a record goes to the part of each of
    its blocking values, and a pair is made and scored in the part of the first rule that finds it.
    """
    persons, rules = context.persons(con), budget.rules(con, left, right, stage)
    sides = {"side_l": Input(left, blocked.keys("l") if right else blocked.keys("l", "r"))}
    if right:
        near = RIGHT.format(whose="from told_row semi join near using (rid)")
        con.execute(f"create or replace temp table right_side as {right_rows(near)}")
        sides["side_r"] = Input("right_side", blocked.keys("r"))
    for column in FREQUENT:  # only of values that both sides may bear is it ever asked how rare they are
        sides[f"tf_{column}_here"] = Input(f"(select * from tf_{column}_lookup semi join {left} using ({column}))")
    return spread(con, Work("score", partial(pairs, rules, persons, right is None), sides))["pair"]


def pairs(rules: list[str], persons: int, within: bool, con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """The pairs of `side_l` and `side_r`, or within `side_l`, that belong to this part, with their scores by Splink."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    con.execute(prepare.MACROS)
    blocked.pairs(con, rules, part, within=within)
    compared = ", ".join(("unique_id", "rid", "proto", *model.COMPARED))
    sides = " union all ".join(f"select {compared} from {side}" for side in (["side_l"] if within else ["side_l", "side_r"]))
    con.execute(f"create or replace temp view side as {sides}")
    con.execute("create or replace temp view pair_asked as select '0' as match_key, l as join_key_l, r as join_key_r from pair_here")
    api = DuckDBAPI(connection=con)
    options = model.settings(persons) | {"link_type": "dedupe_only", "blocking_rules_to_generate_predictions": []}
    linker = Linker(api.register("side"), options, log_level=None, validate_settings=False)
    for column in FREQUENT:  # how rare a value is among persons, not among records
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_here"), column)
    linker.table_management.register_blocked_pairs_for_predict(api.register("pair_asked"))
    found = linker.inference.predict(warning_mode="never")
    return {"pair": f"select columns('^(rid|proto|gamma|mw)_') from {found.physical_name}"}


def against_identified(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_identified`: records left × identified persons."""
    con.execute(f"create or replace table pair_identified as {_score(con, 'left_side', 'told_row', 'identified')}")


def again(con: duckdb.DuckDBPyConnection) -> None:
    """Scores anew what the last attachments changed: the persons of whom more is told, the records with more about them."""
    _move_left(con)
    sayings.again(con)
    con.execute("create or replace table left_part as select * from left_side semi join changed_record using (rid)")
    newest = count(con, "select max(round) from told_row")
    con.execute(f"create or replace view right_part as select * from told_row where round = {newest}")
    con.execute(f"create or replace view right_rest as select * from told_row where round < {newest}")
    con.execute("""
        delete from pair_identified where rid_l not in (select rid from left_side) or rid_l in (select rid from left_part)
            or proto_r in (select proto from changed_person)
    """)
    for left, right in (("left_side", "right_part"), ("left_part", "right_rest")):
        if count(con, f"select count(*) from {left}") and count(con, f"select count(*) from {right}"):
            con.execute(f"insert into pair_identified by name {_score(con, left, right, 'again')}")


def among_left(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_left`: records left × records left. What is told of persons is not needed any more."""
    _move_left(con)
    con.execute("drop view if exists right_part; drop view if exists right_rest; drop table told_row; drop table pair_identified")
    con.execute(f"create or replace table pair_left as {_score(con, 'left_side', None, 'left')}")


def _move_left(con: duckdb.DuckDBPyConnection) -> None:
    """Who was attached is no longer left; others have more about them."""
    con.execute("delete from left_side where rid in (select a from newly) or rid in (select rid from changed_record)")
    con.execute(
        f"insert into left_side by name {left_rows('from left_row semi join changed_record using (rid) anti join whose using (rid)')}"
    )
