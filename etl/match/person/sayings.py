"""What is told of each person known by a number, as numbers: enough to find candidates by, and a third of the memory of the texts.

Names, phones and addresses are hashes of 64 bits (`blocked.NUMBERS`); what follows from the citizen ID is arithmetic.
"""

import duckdb

from etl.engine import count
from etl.match.person.blocked import number

# Of a record that is known: `whose` (rid, proto).
SAID = f"""
    select w.rid, w.proto, {", ".join(f"{number(f'r.{c}')} as {c}" for c in ("name", "phone", "addr", "addr2", "place"))},
        {number("case when r.place[7:9] <> '000' then r.place[:9] end")} as town
    from ({{whose}}) w join rec r using (rid)
"""
# Of a person, each saying once, with all that the blocking rules read, and the round in which it was laid out.
TOLD = """
    with told as (
        select min(rid) as rid, proto, any_value(name) as name, any_value(phone) as phone, any_value(addr) as addr, any_value(addr2) as addr2, any_value(town) as town
        from ({said}) group by proto, hash(name, phone, addr, addr2, place)
    )
    select t.*, n.py_number as py, n.sur_number as sur, n.given_number as given, birth_of(proto) as birth, proto // 1000 as id_head,
        proto % 100000000000 * 11 + check_of(proto) as id_tail, (proto // 10000000000000 * 1000 + proto % 1000) * 11 + check_of(proto) as mask,
        c.house, {round} as round
    from told t left join name_told n on n.number = t.name left join (select proto, house from proto_context {those}) c using (proto)
"""


def names(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_told` (name, number, shape, sur, given, py_number, sur_number, given_number): what follows from a name, once for each."""
    con.execute(f"""
        create or replace table name_told as
        select name, hash(name) as number, shape, sur, given, {number("py")} as py_number, {number("sur")} as sur_number, {number("given")} as given_number
        from (select name, any_value(py) as py, name_shape(name) as shape, surname(name) as sur, name[2:] as given from rec where name is not null group by name)
    """)


def of_records(con: duckdb.DuckDBPyConnection) -> None:
    """Table `said` (rid, proto, …): what each record of `whose` says."""
    con.execute(f"create or replace table said as {SAID.format(whose='from whose')}")


def of_persons(con: duckdb.DuckDBPyConnection) -> None:
    """Table `told_row` from `said`, brought up to `newly` (a, proto). `said` is not needed any more."""
    known = f"from said anti join (select a as rid from newly) using (rid) union all by name {SAID.format(whose='select a as rid, proto from newly')}"
    con.execute(f"create or replace table told_row as {TOLD.format(said=known, those='', round=0)}")
    con.execute("drop table said")


def again(con: duckdb.DuckDBPyConnection) -> None:
    """Who was attached is among what is told of the person: the rows of `changed_person` anew, as a round of their own."""
    con.execute("delete from told_row where proto in (select proto from changed_person)")
    rounds = count(con, "select max(round) + 1 from told_row")
    said = SAID.format(whose="from whose semi join changed_person using (proto)")
    con.execute(f"insert into told_row by name {TOLD.format(said=said, those='semi join changed_person using (proto)', round=rounds)}")
