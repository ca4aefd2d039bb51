"""Edges by name and place, between groups whose codes do not contradict each other."""

import duckdb

from etl.match.entity import walls

ACCEPT, MARGIN = 9.0, 2.5
PROBABILITY = "least(0.999, 1 / (1 + pow(2, -(g.points - 3))))"
EVIDENCE = """json_object('name', json_array(n.rule, n.by_name), 'representative', n.by_representative, 'address', n.by_address, 'county', n.by_county, 'code', n.by_code, 'prior', -3)::varchar"""


def pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_pair` (g1, g2, points, evidence): groups that share a name or its core, compatible in codes."""
    con.execute("""
        -- a code with one or two characters wrong beside a right one
        create or replace macro near_code(a, b) as length(a) = length(b) and length(a) >= 9
            and list_sum(list_transform(range(1, length(a) + 1), lambda i: (a[i] <> b[i])::int)) <= 2;
        create or replace macro code_near(odd, right_ones) as odd is not null
            and len(list_filter(odd, lambda o: len(list_filter(right_ones, lambda c: near_code(o, c))) > 0)) > 0;
        create or replace macro apart(a, b) as a is not null and b is not null and not list_has_any(a, b);
        create or replace macro together(a, b) as a is not null and b is not null and list_has_any(a, b);
    """)
    con.execute("""
        create or replace table gap as
        select g, bare, bare[:i - 1] || '_' || bare[i + 1:] as pattern from (select g, bare, unnest(range(1, length(bare) + 1)) as i from naming where length(bare) >= 6)
    """)
    con.execute("""
        create or replace table name_candidate as
        select l.g as g1, r.g as g2, max(10 + (l.current or r.current)::int * 2) as points, 'name' as rule
        from naming l join naming r on l.bare = r.bare and l.g < r.g group by all
        union all
        select l.g, r.g, 7, 'name_core' from naming l join naming r on l.core = r.core and l.g < r.g and l.bare <> r.bare and length(l.core) >= 3 group by all
        union all
        -- one character wrong: names that are equal with the same place left out
        -- (that alone is next to nothing, 王记面馆 and 李记面馆: a person, a plate or a nearly right code must be shared too)
        select l.g, r.g, 4, 'name_like' from gap l join gap r on l.pattern = r.pattern and l.g < r.g and l.bare <> r.bare
        join party x on x.g = l.g join party y on y.g = r.g
        where together(x.reps, y.reps) or together(x.addrs, y.addrs) or x.odd_codes is not null or y.odd_codes is not null group by all
    """)
    con.execute(f"""
        create or replace table name_pair as
        with best as (select g1, g2, max(points) as points, arg_max(rule, (points, rule)) as rule from name_candidate group by g1, g2)
        select g1, g2, b.rule, b.points as by_name,
            case when together(l.rep_ids, r.rep_ids) then 6 when together(l.reps, r.reps) then 5 when apart(l.reps, r.reps) then -4 else 0 end as by_representative,
            case when together(l.addrs, r.addrs) then 4 else 0 end as by_address,
            case when together(l.counties, r.counties) then 2 when apart(l.counties, r.counties) then -5 else 0 end as by_county,
            case when code_near(l.odd_codes, list_concat(coalesce(r.usccs, []), coalesce(r.regs, []))) or code_near(r.odd_codes, list_concat(coalesce(l.usccs, []), coalesce(l.regs, []))) then 6 else 0 end as by_code,
            by_name + by_representative + by_address + by_county + by_code as points
        from best b join party l on l.g = b.g1 join party r on r.g = b.g2
        where not apart(l.usccs, r.usccs) and not apart(l.orgs, r.orgs) and not apart(l.regs, r.regs)
            and coalesce(l.branch, false) = coalesce(r.branch, false)
            and points >= {ACCEPT - MARGIN}
    """)
    walls.refuse_names(con)


def accept(con: duckdb.DuckDBPyConnection) -> None:
    """Table `name_edge`: pairs good enough, each side's clear best, and never through a contradiction of codes."""
    con.execute("""
        create or replace table sided as
        select g1 as g, g2 as other, points from name_pair union all select g2, g1, points from name_pair
    """)
    # A rival counts only when it could not be the same entity: two fragments of one firm do not compete.
    con.execute("""
        create or replace table rivalled as
        select s.g, s.other, s.points, max(o.points) as rival from sided s join sided o on o.g = s.g and o.other <> s.other
        join party x on x.g = s.other join party y on y.g = o.other
        where apart(x.usccs, y.usccs) or apart(x.orgs, y.orgs) or apart(x.regs, y.regs) group by all
    """)
    # Who could be either of two different firms is neither by way of a fragment, which has no codes and so no rival.
    con.execute(f"""
        create or replace table undecided as
        select s.g, max(s.points) as points from sided s join sided o on o.g = s.g and o.other <> s.other and abs(o.points - s.points) < {MARGIN}
        join party x on x.g = s.other join party y on y.g = o.other
        where apart(x.usccs, y.usccs) or apart(x.orgs, y.orgs) or apart(x.regs, y.regs) group by s.g
    """)
    con.execute(f"""
        create or replace table good as
        select p.g1, p.g2, p.rule, p.points from name_pair p
        left join rivalled a on a.g = p.g1 and a.other = p.g2 left join rivalled b on b.g = p.g2 and b.other = p.g1
        left join undecided u on u.g = p.g1 left join undecided v on v.g = p.g2
        where p.points >= {ACCEPT} and p.points - coalesce(a.rival, -99) >= {MARGIN} and p.points - coalesce(b.rival, -99) >= {MARGIN}
            and p.points - coalesce(u.points, -99) >= {MARGIN} and p.points - coalesce(v.points, -99) >= {MARGIN}
    """)
    _without_contradiction(con)


def _without_contradiction(con: duckdb.DuckDBPyConnection) -> None:
    """Drops the name edges of components that would hold two different codes of one kind, keeping each group's best alone."""
    from etl.match.components import components

    con.execute("create or replace table party_number as select g, (row_number() over (order by g)) - 1 as rid from party")
    for attempt in ("good", "strict", "none"):
        if attempt == "strict":
            con.execute(
                "delete from good using suspect s, party_number n where n.rid = s.rid and n.g = good.g1 and good.points < (select max(x.points) from sided x where x.g = good.g1)"
            )
        if attempt == "none":
            con.execute("delete from good using suspect s, party_number n where n.rid = s.rid and n.g = good.g1")
        components(
            con,
            "party_number",
            "(select a.rid as a, b.rid as b from good join party_number a on a.g = g1 join party_number b on b.g = g2)",
            "party_component",
        )
        con.execute("""
            create or replace table suspect as
            with c as (select cluster, n.rid, p.* exclude (rid) from party_component c join party_number n using (rid) join party p using (g)),
            bad as (
                select cluster from c group by cluster
                having len(list_distinct(flatten(list(usccs) filter (usccs is not null)))) > max(coalesce(len(usccs), 1))
                    or len(list_distinct(flatten(list(orgs) filter (orgs is not null)))) > max(coalesce(len(orgs), 1))
                    or len(list_distinct(flatten(list(regs) filter (regs is not null)))) > max(coalesce(len(regs), 1))
            )
            select rid from c join bad using (cluster)
        """)
    con.execute(f"""
        create or replace table name_edge as
        select l.rid as a, r.rid as b, g.rule, {PROBABILITY} as probability, {EVIDENCE} as evidence
        from good g join name_pair n using (g1, g2) join party l on l.g = g.g1 join party r on r.g = g.g2
    """)
