"""Edges by codes and department keys: equal codes are one entity."""

import duckdb

from etl.match.entity import walls

# column → rule, strongest first
CODES = {"uscc": "credit_code", "org": "organization_code", "reg": "registration_number", "key": "department_key"}


def groups(con: duckdb.DuckDBPyConnection) -> None:
    """Table `code_edge` (a, b, rule): each record to the first one of its code; `grp` (rid, g): the groups they make."""
    from etl.match.components import components

    stars = " union all ".join(
        f"select rid as a, min(rid) over (partition by {c}) as b, '{rule}' as rule from rec where {c} is not null"
        for c, rule in CODES.items()
    )
    con.execute(f"create or replace table code_edge as select * from ({stars})")
    # what the record said before, where its codes or its name say that the key did not pass to another
    con.execute("""
        insert into code_edge
        select o.rid, n.rid, 'same_record' from rec o join rec n on n.dataset = o.dataset and n.source_key = o.source_key and n.role = o.role and n.version = 0
        where o.version = 1 and (coalesce(o.uscc = n.uscc, false) or coalesce(o.org = n.org, false) or coalesce(o.reg = n.reg, false) or o.bare = n.bare)
    """)
    walls.part_codes(con, CODES)
    components(con, "rec", "code_edge", "grp_component")
    con.execute("create or replace table grp as select rid, cluster as g from grp_component")
    con.execute("""
        create or replace table party as
        select g.g, list(distinct uscc) filter (uscc is not null) as usccs, list(distinct org) filter (org is not null) as orgs, list(distinct reg) filter (reg is not null) as regs,
            list(distinct rep) filter (rep is not null) as reps, list(distinct rep_id) filter (rep_id is not null) as rep_ids,
            list(distinct county) filter (county is not null) as counties, list(distinct addr) filter (addr is not null) as addrs,
            list(distinct odd_code) filter (odd_code is not null) as odd_codes,
            bool_or(branch) as branch, min(rid) as rid, count(*) as records,
            bool_or(dataset like 'market_regulation/%' and role = 'self') as registered,
            min(established_on) as established_on, max(closed_on) as closed_on
        from rec join grp g using (rid) group by g.g
    """)
    con.execute("""
        create or replace table naming as
        select g.g, bare, arg_max(core, told_at) as core, bool_or(dataset like 'market_regulation/%' and role = 'self') as current, count(*) as times
        from rec join grp g using (rid) where bare is not null and bare <> '' group by g.g, bare
    """)
