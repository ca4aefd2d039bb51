"""What a record's surroundings say: the household, the firm, the others named in the same row.

A guardian has only a name, but stands in the row of a child whose household is known; a representative without a
number stands for a firm whose other records give it. Contexts are labels (hashes of 64 bits); sharing one is evidence like any other.
"""

import duckdb

from etl.engine import count

KIN = "('guardian', 'mother', 'father', 'child', 'husband', 'wife', 'spouse')"
REGISTER = "public_security/household_register"

# Labels that come from knowing who a record is: the person's household, for the record and for its kin of the same row. `known` (rid, label).
LEARNT = """
    with known as ({known})
    select rid, label, true as household from known
    union
    select b.kin, k.label, true from known k join beside b using (rid)
"""


def own(con: duckdb.DuckDBPyConnection) -> None:
    """Tables `own_label` (rid, label, household): what a record itself says of its household or firm; `beside` (rid, kin): the kin that a
    row of any register but the household's names beside a record; `party` (rid, line, role): all kin of rows that name several; `attached`, of
    whom nobody is yet."""
    con.execute("""
        create or replace table own_label as
        select rid, house as label, true as household from rec where house is not null
        union all
        select rid, head, false from rec where head is not null and role = 'self'
        union all
        select distinct r.rid, hash('E', e.entity_id), false
        from rec r join published.entity_record e on e.dataset = r.dataset and e.source_key = r.source_key and e.role = 'self'
        where r.role = 'legal_representative'
    """)
    con.execute(f"""
        create or replace table beside as
        with kin as (select rid, line from rec where role in {KIN} and dataset <> '{REGISTER}')
        select r.rid, k.rid as kin from kin k join rec r using (line) where r.version = 0 and r.rid <> k.rid
    """)
    con.execute(f"""
        create or replace table party as
        with kin as (select rid, line, role from rec where role in {KIN} or role = 'self'),
        several as (select line from kin where role <> 'self')
        from kin semi join several using (line)
    """)
    con.execute("create table if not exists attached (a bigint, proto bigint, probability double, rule varchar, evidence varchar)")


def of_persons(con: duckdb.DuckDBPyConnection) -> None:
    """Tables `whose` (rid, proto), `label` (rid, label, household) and `proto_context` (proto, ctx, house): who is known so far, and the
    labels of each record and person, from its own row and from whoever of the row is identified."""
    con.execute("""
        create or replace table whose as select rid, proto from identified_record union all select a, proto from attached;
        create or replace table proto_household as
        select distinct w.proto, r.house as label from whose w join rec r using (rid) where r.house is not null
    """)
    con.execute(
        f"create or replace table label as from own_label union ({LEARNT.format(known='select w.rid, h.label from whose w join proto_household h using (proto)')})"
    )
    con.execute(f"create or replace table proto_context as {_contexts('proto', 'whose join label using (rid)')}")


def _contexts(key: str, rows: str) -> str:
    """SQL: the labels of each key of `rows` (label, household, …), and one of its households."""
    once = f"select {key}, label, bool_or(household) as household from {rows} group by all"
    return f"select {key}, list(label) as ctx, min(label) filter (household) as house from ({once}) group by {key}"


def renumbered(con: duckdb.DuckDBPyConnection) -> None:
    """Brings these up to the numbers that have proved to be one person's since, and to who is known by a judgement."""
    con.execute("""
        create or replace table newly as
        select i.rid as a, i.proto from identified_record i join whose w using (rid) where i.proto <> w.proto union all select a, proto from attached;
        delete from whose where rid in (select a from newly)
    """)
    _spread(con)


def of_records(con: duckdb.DuckDBPyConnection) -> None:
    """Table `context` (rid, ctx, house): of the records left. Table `city` (persons): how many persons are known; no other is added afterwards."""
    con.execute(f"create or replace table context as {_contexts('rid', 'label anti join whose using (rid)')}")
    con.execute("create or replace table city as select greatest(count(distinct proto), 1) as persons from whose")


def learn(con: duckdb.DuckDBPyConnection) -> None:
    """What `newly` (a, proto) tells of others: brings `whose`, `context` and `proto_context` up to it.

    Tables `changed_record` (rid), records whose own labels grew, and `changed_person` (proto), of whom more is told than before.
    """
    _spread(con)
    con.execute(f"""
        delete from context where rid in (select rid from changed_record);
        insert into context {_contexts("rid", "label semi join changed_record using (rid) anti join whose using (rid)")}
    """)


def _spread(con: duckdb.DuckDBPyConnection) -> None:
    """Labels from the records of `newly` to their persons' other records, their kin, and back to whom those belong to."""
    con.execute("""
        insert into whose select a, proto from newly;
        create or replace table new_household as
        select distinct n.proto, r.house as label from newly n join rec r on r.rid = n.a where r.house is not null
        except from proto_household;
        insert into proto_household from new_household
    """)
    # who is new is told of all households of the person, the person's other records of the new ones
    known = "select n.a as rid, h.label from newly n join proto_household h using (proto) union select w.rid, h.label from whose w join new_household h using (proto)"
    con.execute(f"""
        create or replace table heard as {LEARNT.format(known=known)};
        create or replace table learnt as from heard except from label semi join heard using (rid);
        insert into label from learnt;
        create or replace table changed_record as select distinct rid from learnt;
        create or replace table changed_person as select proto from newly union select w.proto from whose w semi join changed_record using (rid);
        delete from proto_context where proto in (select proto from changed_person);
        insert into proto_context
        {_contexts("proto", "(from whose semi join changed_person using (proto)) join label using (rid)")}
    """)


def persons(con: duckdb.DuckDBPyConnection) -> int:
    """How many persons are known by a number."""
    return count(con, "select persons from city")
