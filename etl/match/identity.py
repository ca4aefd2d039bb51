"""Identities that keep still: a cluster of today inherits the id that its records had before.

An id never changes while one of its records remains. When two ids prove to be one party, the id with the older
record stays and the other is redirected; in a split the part that holds the anchor dataset's record (for persons the
household register) keeps the id. An id is never used again.
"""

from datetime import datetime

import duckdb

from etl.engine import quote


def assign(con: duckdb.DuckDBPyConnection, *, kind: str, letter: str, anchor: str) -> None:
    """Gives each cluster its id.

    Reads `matched.cluster` (dataset, source_key, role, former, first_delivered_on, cluster) and
    `published.<kind>_member` (dataset, source_key, role, <kind>_id, …), `published.<kind>_redirect`.
    Creates `matched.<kind>_id` (cluster, id), `matched.redirected` (old_id, new_id, why).
    """
    ident = quote(f"{kind}_id")
    # Mostly a cluster met one id and the id one cluster: only of the others anything need be weighed (and there the records' own keys are
    # compared, so that two of one hash could do no harm).
    con.execute(f"""
        create or replace table matched.met as
        select distinct c.cluster, m.id from (select cluster, hash(dataset, source_key, role) as record from matched.cluster) c
        join (select {ident} as id, hash(dataset, source_key, role) as record from published.{quote(kind + "_member")}) m using (record);
        create or replace table matched.contested as
        select cluster, id from matched.met
        where cluster in (select cluster from matched.met group by cluster having count(*) > 1) or id in (select id from matched.met group by id having count(*) > 1)
    """)
    con.execute(f"""
        create or replace table matched.claim as
        with seen as (
            select c.cluster, m.{ident} as id, c.dataset = '{anchor}' and c.role = 'self' as anchored, m.first_delivered_on as since,
                c.dataset || '|' || c.source_key || '|' || c.role as record
            from (select * from matched.cluster semi join matched.contested using (cluster)) c join published.{quote(kind + "_member")} m using (dataset, source_key, role)
        ),
        held as (
            select cluster, id, bool_or(anchored) as anchored, min(since) as since, min_by(record, (since, record)) as oldest, count(*) as records
            from seen group by cluster, id
        ),
        -- in a split one part keeps the id: the anchor's, else the part with the older, then the larger membership
        kept as (
            select *, row_number() over (partition by id order by anchored desc, since, records desc, oldest) as claimant from held
        )
        select cluster, id, row_number() over (partition by cluster order by since, anchored desc, oldest) as rank from kept where claimant = 1
        union all
        select cluster, id, 1 from matched.met anti join matched.contested using (cluster, id)
    """)
    con.execute("""
        create or replace table matched.founder as
        select cluster, min_by(dataset || '|' || source_key || '|' || role, (first_delivered_on, dataset || '|' || source_key || '|' || role)) as founder
        from matched.cluster anti join (select cluster from matched.claim where rank = 1) using (cluster) group by cluster
    """)
    con.execute(f"""
        create or replace table matched.{quote(kind + "_id")} as
        with used as (select {ident} as id from published.{quote(kind + "_member")} union select old_id from published.{quote(kind + "_redirect")}),
        fresh as (
            select f.cluster, '{letter}' || upper(substr(md5(f.founder), 1, 16)) as first, '{letter}' || upper(substr(md5(f.founder || '|2|' || (select count(*) from used)), 1, 16)) as second
            from matched.founder f
        )
        select cluster, id from matched.claim where rank = 1
        union all
        select cluster, case when u.id is null then first else second end from fresh left join used u on u.id = fresh.first
    """)
    con.execute(f"""
        create or replace table matched.redirected as
        select l.id as old_id, k.id as new_id, '关联证实为同一对象' as why
        from matched.claim l join matched.{quote(kind + "_id")} k using (cluster) where l.rank > 1
    """)


def redirects(con: duckdb.DuckDBPyConnection, kind: str, moment: datetime) -> None:
    """`out.<kind>_redirect`: what was redirected before (followed to its present end) and what is redirected today.

    The moment is written as PostgreSQL gives it back, or each would be another row when the library is next computed.
    """
    now = moment.strftime("%Y-%m-%d %H:%M:%S+08")
    con.execute(f"""
        create or replace table out.{quote(kind + "_redirect")} as
        with before as (
            select p.old_id, coalesce(r.new_id, p.new_id) as new_id, p."at", p.why
            from published.{quote(kind + "_redirect")} p left join matched.redirected r on r.old_id = p.new_id
        )
        select old_id, new_id, "at", why from before
        union all
        select old_id, new_id, '{now}' as "at", why from matched.redirected where old_id not in (select old_id from before)
    """)
