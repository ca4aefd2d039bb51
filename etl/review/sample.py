"""A stratified sample of links and near misses for people to judge: what precision and recall are estimated from.

Strata: each rule that links a record (drawn with the record it hangs on), and each reason for which a likely pair was not
linked (`match.review`). Sizes follow the strata, and no stratum goes with fewer than `LEAST`: a rare rule may be a bad one.
"""

from etl import db, migrate
from etl.errors import UsageError
from etl.match.person import model
from etl.records import LIBRARY, NOUN
from etl.settings import Settings

LEAST = 5

LINKED = """
    with ruled as (
        select r.dataset || '|' || r.source_key || '|' || r.role as record, r.{kind}_id as ident, r.rule, count(*) over (partition by r.rule) as size
        from {library}.{kind}_record r where r.rule <> 'alone' and not exists (
            select from (select unnest(array[left_record, right_record]) as record from match.sample where kind = %(kind)s) s where s.record = r.dataset || '|' || r.source_key || '|' || r.role
        )
    ),
    drawn as (select *, row_number() over (partition by rule order by md5(record || %(seed)s)) as rank from ruled),
    chosen as (select * from drawn where rank <= greatest(%(least)s, ceil(%(size)s * size / (select count(*) from ruled)::numeric))),
    paired as (
        select c.*, coalesce(
            (select case when e.left_record = c.record then e.right_record else e.left_record end from match.{kind}_edge e
                where (e.left_record = c.record or e.right_record = c.record) and e.rule = c.rule order by e.probability desc, e.left_record, e.right_record limit 1),
            (select o.dataset || '|' || o.source_key || '|' || o.role from {library}.{kind}_record o
                where o.{kind}_id = c.ident and o.dataset || '|' || o.source_key || '|' || o.role <> c.record order by (o.rule = c.rule) desc, md5(o.source_key || %(seed)s), o.dataset, o.role limit 1)
        ) as other
        from chosen c
    )
    select distinct on (least(record, other), greatest(record, other)) least(record, other) as a, greatest(record, other) as b, rule, size, (
            select e.evidence from match.{kind}_edge e where e.left_record in (record, other) and e.right_record in (record, other) and e.evidence is not null limit 1
        ) as evidence
    from paired where other is not null order by 1, 2, rule
"""
NEAR = """
    with near as (
        select left_record as a, right_record as b, 'review:' || reason as stratum, count(*) over (partition by reason) as size,
            row_number() over (partition by reason order by md5(left_record || right_record || %(seed)s)) as rank
        from match.review r where kind = %(kind)s and reason in ('grey', 'margin', 'guard') and state = 'open'
            and not exists (select from match.sample s where s.kind = r.kind and s.left_record = r.left_record and s.right_record = r.right_record)
    )
    select a, b, stratum, size from near where rank <= greatest(%(least)s, ceil(%(size)s * size / (select count(*) from near)::numeric))
"""


def draw(settings: Settings, kind: str, size: int = 200, seed: int = 1) -> str:
    """Puts two thirds links and a third near misses into match.sample and the review list; one sentence.

    No probability is shown with a link: who judges it should not know what we think. What was drawn before under the same parameters is not drawn again; a new version of them begins a new sample.
    """
    migrate.migrate(settings)
    version = str(model.parameters()["version"]) if kind == "person" else ""
    given = {"kind": kind, "model": version, "seed": str(seed), "least": LEAST}
    with db.transaction(settings) as con, con.cursor() as c:
        c.execute("delete from match.sample where kind = %s and model <> %s", [kind, version])
        c.execute("delete from match.review r where kind = %s and reason = 'sample' and state = 'open' and not exists (select from match.sample s where s.kind = r.kind and s.left_record = r.left_record and s.right_record = r.right_record)", [kind])  # fmt: skip
        c.execute(
            f"create temp table drawn on commit drop as {LINKED.format(kind=kind, library=LIBRARY[kind])}", given | {"size": size * 2 / 3}
        )
        c.execute(f"create temp table nearly on commit drop as {NEAR}", given | {"size": size / 3})
        c.execute(
            "insert into match.sample (kind, left_record, right_record, stratum, linked, stratum_size, model) "
            "select %(kind)s, a, b, rule, true, size, %(model)s from drawn union all select %(kind)s, a, b, stratum, false, size, %(model)s from nearly on conflict do nothing",
            given,
        )
        c.execute(
            "insert into match.review (kind, left_record, right_record, probability, bits, reason, weights, state) "
            "select %(kind)s, a, b, null, null, 'sample', coalesce(evidence::jsonb, '{}'), coalesce((select case j.verdict when 'same' then 'accepted' when 'different' then 'rejected' else 'undecided' end "
            "from match.judgement j where j.kind = %(kind)s and j.left_record = a and j.right_record = b and j.withdrawn_at is null), 'open') from drawn on conflict do nothing",
            given,
        )
        c.execute("select (select count(*) from drawn), (select count(distinct rule) from drawn), (select count(*) from nearly)")
        links, rules, near = c.fetchall()[0]
    if not links and not near:
        raise UsageError(f"没有可抽的{NOUN[kind]}：还没有发布过，或都已抽过")
    return f"已抽 {links + near} 对：{rules} 种规则的关联 {links} 对，差一点的 {near} 对；逐对裁决：jichu review list，jichu review accept|reject"
