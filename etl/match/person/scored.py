"""Splink scores the candidate pairs; what it needs of each side is laid out here."""

import logging
from functools import partial

import duckdb

from etl.engine import count
from etl.match.person import budget, context, model, prepare
from etl.spread import Input, Part, Work, spread

FREQUENT = ("name", "py", "phone", "addr")
RARE, UNCOMMON = 3, 40  # persons of a name: few enough to look at all of them, or all of them in one town


def frequencies(con: duckdb.DuckDBPyConnection, of: str = "rec anti join whose using (rid)") -> None:
    """How many of the identified persons bear a value that a record of these (those left) bears, and their share: `tf_<column>_of` tables, counted once."""
    persons = context.persons(con)
    for column in FREQUENT:
        con.execute(f"""
            create or replace table tf_{column}_of as
            with asked as (select distinct {column} from {of} where {column} is not null)
            select {column}, greatest(count(distinct proto), 1) as persons, greatest(count(distinct proto), 1) / {persons} as tf_{column}
            from rec semi join asked using ({column}) left join whose using (rid) group by {column}
        """)
        con.execute(f"create or replace view tf_{column}_lookup as select {column}, tf_{column} from tf_{column}_of")


SIDE = """
    select {uid} as unique_id, '{side}' as source_dataset, x.rid, x.proto, x.name, x.py, n.shape, n.alike, n.sur, n.given, x.birth, x.sex, x.phone, x.addr, x.addr2, x.place, case when x.place[7:9] <> '000' then x.place[:9] end as town, x.id_like,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[:14] end as id_head,
        case when length(x.id_like) = 18 and not contains(x.id_like, '*') then x.id_like[7:18] end as id_tail,
        case when length(x.id_like) = 18 then x.id_like[:4] || x.id_like[15:18] end as mask,
        c.ctx, c.house, coalesce(n.persons <= {rare}, true) as name_is_rare, coalesce(n.persons <= {uncommon}, true) as name_is_uncommon,
        0::bigint as skip -- blocking rules that its values are refused to (`budget`)
    from ({rows}) x left join {context} c using ({key}) left join name_told n on n.name = x.name
"""
LEFT = """
    select r.rid, r.mark, null::bigint as proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place,
        coalesce(r.own_birth, case when r.id_state in ('invalid', 'masked') then date_of_id(r.id_text) end) as birth,
        coalesce(r.own_sex, case r.role when 'husband' then '1' when 'wife' then '2' when 'mother' then '2' when 'father' then '1' end) as sex,
        case when r.id_state in ('invalid', 'masked') and length(r.id_text) = 18 then r.id_text end as id_like
    from rec r anti join whose using (rid)
"""
LEFT_ID = "lpad(x.mark::varchar, 20, '0') || '-' || x.rid"  # which of two records left is the pair's first is the same in every run
# What is told of each person, each saying once. The sayings are told apart by a hash, and fetched once they are.
RIGHT = """
    with saying as (
        select min(w.rid) as rid, w.proto from ({whose}) w join rec r using (rid) group by w.proto, hash(r.name, r.phone, r.addr, r.addr2, r.place)
    )
    select s.rid, s.proto, r.name, r.py, r.phone, r.addr, r.addr2, r.place from saying s join rec r using (rid)
"""
# The columns of `told_row` that blocking rules read and that follow from the others; worked out where a rule asks for one.
BLOCKED = """
    select *, birth_of(proto) as birth, case when place[7:9] <> '000' then place[:9] end as town, surname(name) as sur, name[2:] as given,
        id_of(proto)[:14] as id_head, id_of(proto)[7:18] as id_tail, id_of(proto)[:4] || id_of(proto)[15:18] as mask from told_row
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


def names(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_told` (name, shape, alike, sur, given, persons): what follows from a name, once for each."""
    look_alikes(con)
    con.execute("""
        create or replace table name_told as
        select name, name_shape(name) as shape, k.alike, surname(name) as sur, name[2:] as given, n.persons
        from (select distinct name from rec where name is not null) left join name_alike k using (name) left join tf_name_of n using (name)
    """)


def left_rows(rows: str) -> str:
    """SQL: rows of `LEFT`, with all that the comparisons and the blocking rules read."""
    return SIDE.format(uid=LEFT_ID, side="left", rows=rows, context="context", key="rid", rare=RARE, uncommon=UNCOMMON)


def right_rows(told: str) -> str:
    """SQL: rows of `told` (as `RIGHT` gives them), in the same columns."""
    rows = f"select *, birth_of(proto) as birth, sex_of(proto)::varchar as sex, id_of(proto) as id_like from ({told})"
    theirs = f"(select proto, ctx, house from proto_context semi join ({told}) using (proto))"
    return SIDE.format(uid="x.rid::varchar", side="right", rows=rows, context=theirs, key="proto", rare=RARE, uncommon=UNCOMMON)


def _told(whose: str, round: int) -> str:
    """SQL: rows of `told_row`: what is told of the persons of `whose`, their household, and the round in which it was laid out."""
    theirs = f"select proto, house from proto_context semi join ({whose}) using (proto)"
    return f"select x.*, c.house, {round} as round from ({RIGHT.format(whose=whose)}) x left join ({theirs}) c using (proto)"


def lay_out(con: duckdb.DuckDBPyConnection) -> None:
    """`left_side`: records not identified; `told_row`: what is told of each identified person, each saying once, and `right_block`, with what
    blocking rules read of it. All that is compared is laid out of the rows alone that a rule reaches (`near`)."""
    frequencies(con)
    names(con)
    con.execute(f"create or replace table left_side as {left_rows(LEFT)}")
    con.execute(f"create or replace table told_row as {_told('from whose', 0)}")
    con.execute(f"create or replace view right_block as {BLOCKED}")


def _score(con: duckdb.DuckDBPyConnection, left: str, right: str | None, stage: str) -> str:
    """SQL: the blocked pairs of two sides, or within one: rid_l, rid_r, proto_r, gamma_* and mw_* per comparison.

    The heavy part of matching, and so spread where there is more than one machine: a record goes to the part of each of
    its blocking values, and a pair is made and scored in the part of the first rule that finds it.
    """
    persons, rules = context.persons(con), budget.rules(con, left, right, stage)
    keys = [
        [_block(i, columns) for i, columns in enumerate(side)] for side in ([r.left for r in budget.RULES], [r.right for r in budget.RULES])
    ]
    sides = {"side_l": Input(left, _key(keys[0] if right else keys[0] + keys[1]))}
    if right:
        met = right_rows("select * exclude (house, round) from told_row semi join near using (rid)")
        con.execute(f"create or replace temp table right_side as {met}")
        sides["side_r"] = Input("right_side", _key(keys[1]))
    for column in FREQUENT:  # only of values that both sides may bear is it ever asked how rare they are
        sides[f"tf_{column}_here"] = Input(f"(select * from tf_{column}_lookup semi join {left} using ({column}))")
    return spread(con, Work("score", partial(pairs, rules, persons, right is None), sides))["pair"]


def _block(rule: int, columns: tuple[str, ...], side: str = "") -> str:
    """SQL: a record's value under a blocking rule, apart from every other rule's; NULL when a part of it is."""
    return " || chr(1) || ".join([f"'{rule}'", *(f"{side}{c}::varchar" for c in columns)])


def _key(blocks: list[str]) -> str:
    return f"list_filter([{', '.join(blocks)}], lambda block: block is not null)"


def pairs(rules: list[str], persons: int, within: bool, con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """Splink over `side_l` and `side_r`, or within `side_l`: the pairs that belong to this part, with their scores."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    con.execute(prepare.MACROS)
    options = model.settings(persons) | ({"link_type": "dedupe_only"} if within else {})
    api = DuckDBAPI(connection=con)
    one = api.register("side_l", dataset_display_name="left")
    other = None if within else api.register("side_r", dataset_display_name="right")
    linker = Linker(
        one if other is None else [one, other],
        options | {"blocking_rules_to_generate_predictions": rules},
        log_level=None,
        validate_settings=False,
    )
    for column in FREQUENT:  # how rare a value is among persons, not among records
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_here"), column)
    if part.of > 1:
        con.execute(f"create or replace table pair_here as {_blocked(rules, within, part)}")
        linker.table_management.register_blocked_pairs_for_predict(api.register("pair_here"))
        found = linker.inference.predict(warning_mode="never")
    elif other is None:
        found = linker.inference.predict_within(one, warning_mode="never")
    else:
        found = linker.inference.predict_between(one, other, warning_mode="never")
    return {"pair": f"select columns('^(rid|proto|gamma|mw)_') from {found.physical_name}"}


def _blocked(rules: list[str], within: bool, part: Part) -> str:
    """SQL: the pairs of this part as Splink takes them; a pair that several rules find is the first one's, and so of one part alone."""
    name = "{0}.unique_id" if within else "{0}.source_dataset || '-__-' || {0}.unique_id"
    made = []
    for i, rule in enumerate(rules):
        earlier = " or ".join(f"coalesce({r}, false)" for r in rules[:i]) or "false"
        made.append(
            f"select '{i}' as match_key, {name.format('l')} as join_key_l, {name.format('r')} as join_key_r "
            f"from side_l l join side_{'l' if within else 'r'} r on {rule} "
            f"where {part.owns(_block(i, budget.RULES[i].left, 'l.'))} and not ({earlier}){' and l.unique_id < r.unique_id' if within else ''}"
        )
    return " union all ".join(made)


def against_identified(con: duckdb.DuckDBPyConnection) -> None:
    """Table `pair_identified`: records left × identified persons."""
    con.execute(f"create or replace table pair_identified as {_score(con, 'left_side', 'right_block', 'identified')}")


def again(con: duckdb.DuckDBPyConnection) -> None:
    """Scores anew what the last attachments changed: the persons of whom more is told, the records with more about them."""
    _move_left(con)
    _move_right(con)
    con.execute("create or replace table left_part as select * from left_side semi join changed_record using (rid)")
    newest = count(con, "select max(round) from told_row")
    con.execute(f"create or replace view right_part as select * from right_block where round = {newest}")
    con.execute(f"create or replace view right_rest as select * from right_block where round < {newest}")
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
    con.execute(
        "drop view if exists right_part; drop view if exists right_rest; drop view right_block; drop table told_row; drop table pair_identified"
    )
    con.execute(f"create or replace table pair_left as {_score(con, 'left_side', None, 'left')}")


def _move_left(con: duckdb.DuckDBPyConnection) -> None:
    """Who was attached is no longer left; others have more about them."""
    con.execute("delete from left_side where rid in (select a from newly) or rid in (select rid from changed_record)")
    con.execute(f"insert into left_side by name {left_rows(LEFT + ' semi join changed_record using (rid)')}")


def _move_right(con: duckdb.DuckDBPyConnection) -> None:
    """Who was attached is among what is told of the person."""
    con.execute("delete from told_row where proto in (select proto from changed_person)")
    rounds = count(con, "select max(round) + 1 from told_row")
    con.execute(f"insert into told_row by name {_told('from whose semi join changed_person using (proto)', rounds)}")
