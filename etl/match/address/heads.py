"""Heads (division + road as one string) → readings: in which scope, which road, at what cost.

Most heads are a path of known names and a known road, found by one join. What that leaves is read name by name, each
allowed one wrong, lost or added character; every reading is kept with its cost, and the plates decide between them.
"""

import duckdb

from etl.match.address import names
from etl.match.address.text import NUMBER

DEAREST = 2.6  # a reading that needed more than two wrong names is no reading
LOOSE_ROAD = 1.6


def read(con: duckdb.DuckDBPyConnection) -> None:
    """geo_key(kid, hid, grp) and geo_reading(kid, scope, srid, cost): srid NULL where only the division is understood."""
    con.execute("create or replace temp table geo_head as select row_number() over () hid, head from (select distinct head from geo_part)")
    con.execute("""create or replace temp table geo_key as select row_number() over () kid, hid, grp
        from (select distinct hid, grp from geo_part join geo_head using (head))""")
    _strip(con)
    _exact(con)
    _unread(con)
    _learn(con)
    _fuzzy(con)
    _collect(con)
    con.execute("""create or replace temp table geo_text as select tid, kid, hint, num, sub, est, b, u, vague, odd
        from geo_part join geo_head using (head) join geo_key k on k.hid = geo_head.hid and k.grp is not distinct from geo_part.grp""")


def _strip(con: duckdb.DuckDBPyConnection) -> None:
    """geo_body(hid, s, abroad): the head without province and city; `abroad`: it names another province or city."""
    province, city = names.city(con)
    stem = city.removesuffix("市")
    own = f"(?:(?:.{{0,3}}省)?{stem}市?)?" if stem else ""
    start = f"^(?:中国)?(?:{province}省?)?{own}" if province else f"^(?:中国)?{own}"
    others = "|".join(n for n in names.PROVINCES.values() if n != province)
    con.execute(f"""create or replace temp table geo_body as
        with cut as (select hid, head, regexp_replace(head, '{start}', '') s from geo_head),
        named as (select hid, s, '{stem}' <> '' and contains(left(head, length(head) - length(s)), '{stem}') own from cut)
        select hid, s, not own and (regexp_matches(s, '^(?:{others})(?:省|市|.{{0,4}}自治区)')
          or regexp_matches(s, '^[^路街巷村镇乡县区]{{2,7}}?(?:市|自治州|地区|盟)')) abroad from named""")
    if stem:  # 庐州市江阳区: the city's own name with one wrong character is no other city
        like = "|".join(f"{stem[:i]}.{stem[i + 1 :]}" for i in range(len(stem)))
        con.execute(f"""update geo_body set s = regexp_replace(s, '^(?:.{{1,3}}省?)??(?:{like})市', ''), abroad = false
            where abroad and regexp_matches(s, '^(?:.{{1,3}}省?)??(?:{like})市')""")


def _exact(con: duckdb.DuckDBPyConnection) -> None:
    """geo_start(hid, scope, rest): the longest path of names that the head begins with; scope empty when there is none."""
    con.execute("""create or replace temp table geo_start as
        with longest as (select max(n) n from geo_path),
        cuts as (select hid, s, unnest(generate_series(2, least(length(s), (select n from longest)))) n from geo_body),
        hits as (select hid, s, p.n, p.scope from cuts join geo_path p on p.path = left(s, cuts.n)),
        best as (select hid, max(n) n from hits group by hid)
        select h.hid, h.scope, substr(h.s, h.n + 1) rest from hits h join best using (hid, n)""")
    con.execute("""delete from geo_body where abroad and hid not in (select hid from geo_start)""")
    con.execute("insert into geo_start select hid, '', s from geo_body where hid not in (select hid from geo_start)")


def _unread(con: duckdb.DuckDBPyConnection) -> None:
    """geo_reading of the heads that are read to their end, and geo_left(hid): those that are not."""
    con.execute("""create or replace temp table geo_reading as
        select k.kid, s.scope, r.srid, 0.0::double as cost
        from geo_key k join geo_start s using (hid)
          left join geo_road r on r.scope = s.scope and r.road = case when k.grp is null then case when s.rest = '' then '*' else s.rest end
            when s.rest = '' then '#' || k.grp end""")
    con.execute("""create or replace temp table geo_left as
        select distinct hid from geo_key k join geo_start s using (hid)
        where not (s.rest = '' and s.scope <> '') and not exists (select 1 from geo_reading r where r.kid = k.kid and r.srid is not null
          and s.scope <> '')""")


def _learn(con: duckdb.DuckDBPyConnection) -> None:
    """geo_alias(alias, scope): an unknown county name that nearly always precedes towns of one county is its other name."""
    con.execute(r"""create or replace temp table geo_alias as
        with told as (select regexp_extract(s.rest, '^.{1,4}?[县区市]', 0) alias, s.rest from geo_start s join geo_left using (hid)
          where s.scope = ''),
        cuts as (select alias, substr(rest, length(alias) + 1) s, unnest(generate_series(2, 8)) n from told where alias <> ''),
        hits as (select alias, s, left(p.scope, 6) county from cuts join geo_path p on p.path = left(s, cuts.n) where length(p.scope) >= 9),
        one as (select alias, s, min(county) county from hits group by alias, s having count(distinct county) = 1),
        tally as (select alias, county, count(*) told, sum(count(*)) over (partition by alias) together from one group by alias, county)
        select alias, county scope from tally where told >= 3 and told >= 0.9 * together""")


def _spelt(name: str, cost: str, shortest: str) -> str:
    """SQL: list of (key, cost) under which a name is found: exact, one character wrong, two exchanged, one lost, one added in the text.

    `shortest`: SQL, the least length of a name that may be misspelt. Names that are themselves unusual spellings must be exact.
    """
    each = f"list_transform(generate_series(1, length({name})), lambda i: "
    pairs = f"list_transform(generate_series(1, length({name}) - 1), lambda i: "
    return f"""[{{'key': '=' || {name}, 'cost': {cost}}}] || case when length({name}) < {shortest} or {cost} >= 0.5 then [] else
        {each} {{'key': '?' || left({name}, i - 1) || '?' || substr({name}, i + 1), 'cost': {cost} + 1.0}})
        || [{{'key': '+' || {name}, 'cost': {cost} + 1.2}}]
        || case when length({name}) < 3 then [] else
          {pairs} {{'key': '=' || left({name}, i - 1) || substr({name}, i + 1, 1) || substr({name}, i, 1) || substr({name}, i + 2),
            'cost': {cost} + 1.0}})
          || {each} {{'key': '=' || left({name}, i - 1) || substr({name}, i + 1), 'cost': {cost} + 1.2}}) end end"""


def _heard(part: str, last: int) -> str:
    """SQL: list of the keys that a stretch of text can be found by; the counterpart of `_spelt`.

    `last` = 1: its last character is not taken for an added one (behind a road it is rather a garbled number).
    """
    each = f"list_transform(generate_series(1, length({part})), lambda i: "
    fewer = f"list_transform(generate_series(1, length({part}) - {last}), lambda i: "
    return f"""['=' || {part}] || {each} '?' || left({part}, i - 1) || '?' || substr({part}, i + 1))
        || case when length({part}) >= 3 then {fewer} '+' || left({part}, i - 1) || substr({part}, i + 1)) else [] end"""


def _fuzzy(con: duckdb.DuckDBPyConnection) -> None:
    """geo_step(hid, scope, rest, cost): every way to read the heads that are left, name by name from the left."""
    con.execute(f"""create or replace temp table geo_name_key as
        with child as (
          select '' parent, scope, name, cost from geo_name where length(scope) in (6, 9)
          union all select left(scope, 6), scope, name, cost from geo_name where length(scope) in (9, 12)
          union all select left(scope, 9), scope, name, cost from geo_name where length(scope) = 12),
        keyed as (select parent, scope, unnest({_spelt("name", "cost", "case when length(scope) = 6 then 2 else 3 end")}) k from child)
        select parent, k.key, scope, min(k.cost) as cost from keyed group by parent, k.key, scope""")
    stem = names.city(con)[1].removesuffix("市")
    con.execute(rf"""create or replace temp table geo_step as
        with s as (select * from geo_start join geo_left using (hid)),
        token as (select hid, rest, regexp_extract(rest, '^.{{1,4}}?[县区市]', 0) alias from s where scope = '')
        select hid, scope, rest, 0.0::double as cost from s
        union all select hid, '', substr(rest, length(regexp_extract(rest, '^.{{1,4}}?{stem}市?', 0)) + 1), 0.5 from s
          where scope = '' and '{stem}' <> '' and regexp_matches(rest, '^.{{1,4}}?{stem}')
        union all select hid, left(scope, 6), rest, 1.5 from s where length(scope) = 9
        union all select hid, left(scope, 9), rest, 1.8 from s where length(scope) = 12
        union all select hid, '', rest, 2.0 from s where length(scope) = 6
        union all select t.hid, a.scope, substr(t.rest, length(t.alias) + 1), 0.2 from token t join geo_alias a using (alias)
        union all select hid, '', substr(rest, length(alias) + 1), 1.0 from token t where alias <> '' and alias not in (select alias
          from geo_alias)""")
    con.execute("create or replace temp table geo_front as select * from geo_step")
    for _ in range(3):
        con.execute(f"""create or replace temp table geo_next as
            with place as (select distinct scope, rest from geo_front where length(scope) < 12 and length(rest) >= 2),
            cuts as (select scope, rest, unnest(generate_series(2, least(length(rest), 12))) n from place),
            keys as (select scope, rest, n, unnest({_heard("left(rest, n)", 0)}) k from cuts),
            found as (select keys.scope, keys.rest, c.scope child, substr(keys.rest, n + 1) after, min(c.cost) as cost
              from keys join geo_name_key c on c.parent = keys.scope and c.key = keys.k group by all)
            select f.hid, w.child scope, w.after rest, min(f.cost + w.cost) as cost
            from geo_front f join found w on w.scope = f.scope and w.rest = f.rest where f.cost + w.cost <= {DEAREST} group by all""")
        con.execute("insert into geo_step select * from geo_next")
        con.execute("create or replace temp table geo_front as select * from geo_next")


def _roads(con: duckdb.DuckDBPyConnection) -> None:
    """geo_street(scope, rest, srid, cost): what the rests behind the divisions can mean as a road or estate of their scope."""
    con.execute("""create or replace temp table geo_rest as
        select distinct scope, rest, rest in (select road from geo_road where kind = 'r') known from geo_step where rest <> ''""")
    con.execute(f"""create or replace temp table geo_road_key as
        with r as (select srid, scope, road from geo_road where kind in ('r', 'e') and scope in (select scope from geo_rest
          where not known)),
        keyed as (select srid, scope, unnest({_spelt("road", "0.0", "2")}) k from r)
        select scope, k.key, srid, min(k.cost) as cost from keyed group by all""")
    con.execute(f"""create or replace temp table geo_street as
        with keys as (select scope, rest, unnest({_heard("rest", 1)}) k from geo_rest where not known and length(rest) <= 14),
        tails as (select scope, rest, unnest(generate_series(2, least(length(rest) - 1, 8))) n from geo_rest where scope <> ''),
        ends as (select t.scope, t.rest, r.srid, n from tails t join geo_road r on r.scope = t.scope and r.road = right(t.rest, n)
          and r.kind = 'r')
        select g.scope, g.rest, r.srid, 0.0::double as cost from geo_rest g join geo_road r on r.scope = g.scope and r.road = g.rest
          and r.kind in ('r', 'e')
        union all select k.scope, k.rest, r.srid, min(r.cost) from keys k join geo_road_key r on r.scope = k.scope and r.key = k.k
          and r.cost > 0 group by all
        union all select scope, rest, arg_max(srid, n), case when length(scope) >= 9 then {LOOSE_ROAD} else {LOOSE_ROAD} + 0.6 end
          from ends where not exists (
          select 1 from geo_rest g where g.scope = ends.scope and g.rest = ends.rest and g.known) group by scope, rest""")


def _collect(con: duckdb.DuckDBPyConnection) -> None:
    """Adds the dearer readings of the heads that were left."""
    _roads(con)
    con.execute("delete from geo_reading where srid is null and kid in (select kid from geo_key join geo_left using (hid))")
    con.execute(rf"""create or replace temp table geo_more as
        with s as (select k.kid, k.grp, s.* from geo_step s join geo_key k using (hid) where not (s.cost >= 2 and length(s.scope) < 9)),
        group_of as (select distinct rest, coalesce(n.v, d) grp from (select rest, regexp_extract(rest, '^第?({NUMBER})[^路街巷道]$', 1) d
          from geo_rest)
          left join geo_numeral n on n.t = d where d <> '')
        select kid, s.scope, t.srid, s.cost + t.cost as cost from s join geo_street t using (scope, rest) where grp is null
        union all select kid, s.scope, r.srid, s.cost from s join geo_road r on r.scope = s.scope and r.road = '*' where grp is null
          and rest = ''
        union all select kid, s.scope, r.srid, s.cost + case when rest = '' then 0 else 1 end
          from s join geo_road r on r.scope = s.scope and r.road = '#' || grp where rest = '' or (length(s.scope) = 12
            and length(rest) <= 4)
        union all select kid, s.scope, r.srid, s.cost + 1 from s join group_of g using (rest) join geo_road r on r.scope = s.scope
          and r.road = '#' || g.grp
          where s.grp is null
        union all select kid, scope, null, cost + case when rest = '' then 0 else 0.8 end from s""")
    con.execute(f"insert into geo_reading select kid, scope, srid, min(cost) from geo_more where cost <= {DEAREST} + 0.8 group by all")
    for table in ("start", "left", "alias", "name_key", "step", "front", "next", "rest", "road_key", "street", "more", "body"):
        con.execute(f"drop table geo_{table}")
