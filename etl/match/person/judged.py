"""Where judgements take hold in person linkage: at the number, at each round of scores, and before the clusters.

`voice` (rid, record): every version of a record that certainly is the record; `wall` (rid, other): voices of two
records judged different, both ways.
"""

import duckdb

from etl.engine import differ
from etl.match import judged
from etl.match.components import components
from etl.workbench import Workbench


def prepare(bench: Workbench) -> None:
    """Reads the judgements; a number that two records judged different share stays with the one that better bears it."""
    con = bench.con
    judged.read(bench, "person")
    con.execute(
        "create or replace table voice as select rid, rid as record from rec where version = 0 union all select a, b from same_record"
    )
    con.execute("""
        create or replace table wall as
        select x.rid, y.rid as other from (select a, b from judged_apart union all select b, a from judged_apart) j
        join voice x on x.record = j.a join voice y on y.record = j.b
    """)
    if not judged.any_apart(con):
        return
    con.execute("""
        create or replace table expelled as
        with bearer as (
            select i.rid, i.proto, v.record, c.trust, r.dataset || '|' || r.source_key || '|' || r.role as name
            from identified_record i join voice v using (rid) join claim c using (rid) join rec r on r.rid = v.record
        ),
        clash as (
            select x.record as mine, x.name, y.name as other_name, x.proto, max(x.trust) as trust, max(y.trust) as other_trust
            from wall w join bearer x on x.rid = w.rid join bearer y on y.rid = w.other and y.proto = x.proto group by all
        )
        select distinct mine as record, proto from clash where (-trust, name) > (-other_trust, other_name)
    """)
    con.execute("""
        delete from identified_record using expelled e, voice v
        where v.record = e.record and identified_record.rid = v.rid and identified_record.proto = e.proto
    """)


def refuse_numbers(con: duckdb.DuckDBPyConnection) -> None:
    """Two numbers of records judged different are not one person's."""
    con.execute("""
        delete from renumbered using wall w, identified_record p, identified_record q, identified_record x, identified_record y
        where p.rid = renumbered.a and q.rid = renumbered.b and x.rid = w.rid and y.rid = w.other and x.proto = p.proto and y.proto = q.proto
    """)


def join_numbers(con: duckdb.DuckDBPyConnection) -> None:
    """Two numbers of records judged the same do not compete for the records that have none."""
    con.execute(f"""
        insert into renumbered
        select case when p.proto < q.proto then s.a else s.b end, case when p.proto < q.proto then s.b else s.a end
        from judged_same s join identified_record p on p.rid = s.a join identified_record q on q.rid = s.b where {differ("p.proto", "q.proto")}
    """)


def attach(con: duckdb.DuckDBPyConnection) -> None:
    """Edges of what is judged the same; a record judged to be an identified person counts as that person from here on."""
    con.execute("""insert into edge select a, b, 'judged_same', 1.0, json_object('judgement', judgement)::varchar from judged_same""")
    components(con, "rec", "judged_same", "judged_component")
    con.execute("""
        insert into attached
        with member as (select c.rid, c.cluster from judged_component c semi join (select a as rid from judged_same union select b from judged_same) using (rid)),
        known as (select m.cluster, min(i.proto) as proto from member m join identified_record i using (rid) group by m.cluster)
        select m.rid, k.proto, 1.0, 'judged_same', null from member m join known k using (cluster) anti join identified_record i on i.rid = m.rid
    """)


def refuse_attachments(con: duckdb.DuckDBPyConnection) -> None:
    """A record is no candidate for a person of whom a record is judged to be somebody else: the next best is considered."""
    con.execute(
        "delete from scored_identified using wall w, whose o where o.rid = w.other and scored_identified.a = w.rid and scored_identified.b = o.proto"
    )


def refuse_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Two records judged different are no candidates for each other."""
    con.execute("delete from scored_left using wall w where scored_left.a = w.rid and scored_left.b = w.other")


def part(con: duckdb.DuckDBPyConnection) -> None:
    """Drops what would still connect two records judged different by way of others: the weakest edge of each path."""
    judged.torn(
        con,
        f"""
        select i.rid as a, first_value(i.rid) over (partition by i.proto order by c.trust desc nulls last, {judged.NAME}, rid) as b, {judged.CERTAIN} as strength
        from identified_record i left join claim c using (rid) join rec using (rid)
        union all select a, b, {judged.VERSION} from same_record
        union all select a, b, case rule when 'judged_same' then {judged.JUDGED} when 'corrected_number' then {judged.CERTAIN - 1} else probability end from edge
        """,
        "torn",
    )
    con.execute("delete from edge using torn t where edge.a = t.a and edge.b = t.b")
    con.execute("delete from same_record using torn t where same_record.a = t.a and same_record.b = t.b")
    con.execute("""
        delete from identified_record using torn t, identified_record o
        where identified_record.rid = t.a and o.rid = t.b and o.proto = identified_record.proto
    """)
