"""What a record's surroundings say: the household, the firm, the others named in the same row.

A guardian has only a name, but stands in the row of a child whose household is known; a representative without a
number stands for a firm whose other records give it. Contexts are labels; sharing one is evidence like any other.
"""

import duckdb


def known(con: duckdb.DuckDBPyConnection) -> None:
    """Tables `whose` (rid, proto) `context` (rid, ctx) and `proto_context` (proto, ctx): labels of each record, from its own row and from whoever of the row is identified."""
    con.execute(
        """
        create or replace table whose as
        select rid, proto from identified_record union all select a as rid, proto from attached
    """
        if _exists(con, "attached")
        else "create or replace table whose as select rid, proto from identified_record"
    )
    con.execute("""
        create or replace table proto_household as
        select distinct w.proto, 'H' || r.household_id as label from whose w join rec r using (rid) where r.household_id is not null
    """)
    con.execute("""
        create or replace table context as
        with row_label as (
            select r.dataset, r.source_key, h.label from rec r join whose w using (rid) join proto_household h using (proto)
            where r.version = 0 and r.dataset <> 'public_security/household_register'
        ),
        label as (
            select rid, 'H' || household_id as label from rec where household_id is not null
            union all
            select rid, 'V' || household_head from rec where household_head is not null and role = 'self'
            union all
            select r.rid, 'E' || e.entity_id from rec r join published.entity_record e on e.dataset = r.dataset and e.source_key = r.source_key and e.role = 'self'
            where r.role = 'legal_representative'
            union all
            select r.rid, l.label from rec r join row_label l using (dataset, source_key)
            where r.role in ('guardian', 'mother', 'father', 'child', 'husband', 'wife', 'spouse')
            union all
            select w.rid, h.label from whose w join proto_household h using (proto)
        )
        select rid, list(distinct label order by label) as ctx from label group by rid
    """)
    con.execute("""
        create or replace table proto_context as
        select w.proto, list(distinct u.label order by u.label) as ctx
        from whose w join (select rid, unnest(ctx) as label from context) u using (rid) group by w.proto
    """)


def _exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(con.execute("select count(*) from information_schema.tables where table_name = ?", [table]).fetchall()[0][0])
