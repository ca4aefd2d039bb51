"""What a record's surroundings say: the household, the firm, the others named in the same row.

A guardian has only a name, but stands in the row of a child whose household is known; a representative without a
number stands for a firm whose other records give it. Contexts are labels; sharing one is evidence like any other.
"""

import duckdb

KIN = "('guardian', 'mother', 'father', 'child', 'husband', 'wife', 'spouse')"

# Labels that come from knowing who a record is: the person's household, for the record and for its kin of the same row.
LEARNT = f"""
    select w.rid, h.label from whose w join proto_household h using (proto) semi join {{persons}} using (proto)
    union
    select k.rid, h.label from whose w join proto_household h using (proto) semi join {{persons}} using (proto)
    join rec r on r.rid = w.rid join rec k on k.dataset = r.dataset and k.source_key = r.source_key
    where r.version = 0 and r.dataset <> 'public_security/household_register' and k.role in {KIN}
"""


def told(con: duckdb.DuckDBPyConnection) -> None:
    """Table `own_label` (rid, label): what a record itself says of its household or firm."""
    con.execute("""
        create or replace table own_label as
        select rid, 'H' || household_id as label from rec where household_id is not null
        union
        select rid, 'V' || household_head from rec where household_head is not null and role = 'self'
        union
        select r.rid, 'E' || e.entity_id from rec r join published.entity_record e on e.dataset = r.dataset and e.source_key = r.source_key and e.role = 'self'
        where r.role = 'legal_representative'
    """)


def of_persons(con: duckdb.DuckDBPyConnection) -> None:
    """Tables `whose` (rid, proto), `label` (rid, label) and `proto_context` (proto, ctx): who is known so far, and the labels of each
    record and person, from its own row and from whoever of the row is identified."""
    con.execute("create table if not exists attached (a bigint, proto varchar, probability double, rule varchar, evidence varchar)")
    con.execute("""
        create or replace table whose as select rid, proto from identified_record union all select a, proto from attached;
        create or replace table proto_household as
        select distinct w.proto, 'H' || r.household_id as label from whose w join rec r using (rid) where r.household_id is not null
    """)
    con.execute(f"create or replace table label as from own_label union {LEARNT.format(persons='whose')}")
    con.execute("""
        create or replace table proto_context as
        select proto, list(label order by label) as ctx from (select distinct w.proto, l.label from whose w join label l using (rid)) group by proto
    """)


def known(con: duckdb.DuckDBPyConnection) -> None:
    """The same, and `context` (rid, ctx): of the records."""
    of_persons(con)
    con.execute("create or replace table context as select rid, list(label order by label) as ctx from label group by rid")


def learn(con: duckdb.DuckDBPyConnection) -> None:
    """What `newly` (a, proto) tells of others: brings `whose`, `context` and `proto_context` up to it.

    Tables `changed_record` (rid), records whose own labels grew, and `changed_person` (proto), of whom more is told than before.
    """
    con.execute("""
        insert into whose select a, proto from newly;
        insert into proto_household
        select distinct n.proto, 'H' || r.household_id from newly n join rec r on r.rid = n.a where r.household_id is not null
        except select proto, label from proto_household
    """)
    con.execute(f"""
        create or replace table learnt as ({LEARNT.format(persons="newly")}) except select rid, label from label;
        insert into label select rid, label from learnt;
        create or replace table changed_record as select distinct rid from learnt;
        create or replace table changed_person as select proto from newly union select w.proto from whose w semi join changed_record using (rid)
    """)
    con.execute("""
        delete from context where rid in (select rid from changed_record);
        insert into context select rid, list(label order by label) from label semi join changed_record using (rid) group by rid;
        delete from proto_context where proto in (select proto from changed_person);
        insert into proto_context
        select proto, list(label order by label)
        from (select distinct w.proto, l.label from whose w join label l using (rid) semi join changed_person p using (proto)) group by proto
    """)
