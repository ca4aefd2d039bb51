"""The plates as an index: premises (division, road, number, estate), their buildings and units, and names by scope.

A scope is a division code without its trailing zeros: 12 digits for a community, 9 for a town, 6 for a county, empty for the city.
"""

import duckdb

from etl.match.address.text import FORMS, GROUP_WORDS, NUMBER, digits

MANY = 40  # premises of one name and number in one scope: beyond that nobody can choose between them
ODD, PLAIN = "".join(FORMS), "".join(FORMS.values())


def _plain(column: str) -> str:
    """SQL: the field with odd characters made plain and everything but letters, digits and hyphens gone; NULL when nothing is left."""
    letters = r"0-9A-Z\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{20000}-\x{2ffff}-"
    cleaned = f"regexp_replace(translate(upper({column}), '{ODD}', '{PLAIN}'), '[^{letters}]', '', 'g')"
    return f"nullif(case when regexp_matches({column}, '[^{letters}]|[〇號棟樓單區縣鎮鄉組濱內]') then {cleaned} else {column} end, '')"


def build(con: duckdb.DuckDBPyConnection, plates: str) -> None:
    """Makes geo_plate, geo_base, geo_building, geo_unit, geo_road and geo_index from the table `plates`."""
    _cleaned(con, plates)
    con.execute("""create or replace temp table geo_base as
        select row_number() over () bid, r12, road, num, est, case when count(code) filter (b is null and u is null) = 1
          then max(code) filter (b is null and u is null) end code,
          coalesce(bool_or(b is not null), false) has_buildings, sub
        from geo_plate group by r12, road, num, sub, est""")
    con.execute("""create or replace temp table geo_building as
        select bid, b, case when count(p.code) filter (u is null) = 1 then max(p.code) filter (u is null) end code
        from geo_plate p join geo_base using (r12, road, num) where b is not null
          and p.est is not distinct from geo_base.est and p.sub is not distinct from geo_base.sub group by bid, b""")
    con.execute("""create or replace temp table geo_unit as
        select bid, b, u, case when count(*) = 1 then max(p.code) end code
        from geo_plate p join geo_base using (r12, road, num) where b is not null and u is not null
          and p.est is not distinct from geo_base.est and p.sub is not distinct from geo_base.sub group by bid, b, u""")
    _index(con)


def _cleaned(con: duckdb.DuckDBPyConnection, plates: str) -> None:
    """geo_plate(code, r12, road, num, sub, est, b, u); a group is the road `#8`."""
    number = f"regexp_extract({{}}, '{NUMBER}', 0)"
    con.execute(f"""create or replace temp table geo_plate as
        with plain as (select address_code code, region_code r12, {_plain("road")} road, {_plain("number")} number,
            rtrim({_plain("estate")}, '第') est, {_plain("building")} b, {_plain("unit")} u
          from {plates} where address_code is not null and regexp_full_match(region_code, '[0-9]{{12}}')),
        parts as (select code, r12, road, est, case when regexp_full_match(road, '第?{NUMBER}(?:{GROUP_WORDS})')
          then {number.format("road")} end grp,
            {number.format("number")} num, regexp_extract(number, '[附之-]({NUMBER})', 1) sub,
            regexp_extract(b, '[A-Z]?[0-9]+|[A-Z]|{NUMBER}', 0) b, {number.format("u")} u from plain)
        select code, r12, case when grp is null then road else '#' || {digits("g", "p.grp")} end road, {digits("h", "p.num")} num,
          {digits("s", "p.sub")} sub, nullif(est, '') est, {digits("b", "p.b")} b, {digits("u", "p.u")} u
        from parts p left join geo_numeral g on g.t = p.grp left join geo_numeral h on h.t = p.num
          left join geo_numeral s on s.t = p.sub left join geo_numeral b on b.t = p.b left join geo_numeral u on u.t = p.u""")


def _index(con: duckdb.DuckDBPyConnection) -> None:
    """geo_road(srid, scope, road, kind) and geo_index(srid, num, bids): where a name and number can be, by scope.

    kind: r road, g group, e estate (alone or behind its road, without a number), a any road of a community. Groups and any roads
    stand only under their own community: a number without a village's name fits too many villages.
    """
    con.execute("""create or replace temp table geo_named as
        select bid, r12, num, road as name, case when starts_with(road, '#') then 'g' else 'r' end kind from geo_base
          where road is not null and num is not null
        union all select bid, r12, '', est, 'e' from geo_base where est is not null
        union all select bid, r12, '', road || est, 'e' from geo_base where est is not null and road is not null and not starts_with(road,
          '#')
        union all select bid, r12, num, '*', 'a' from geo_base where num is not null""")
    con.execute("""create or replace temp table geo_scoped as
        select bid, num, name, kind, scope from (select bid, num, name, kind, unnest(case when kind in ('a', 'g') then [r12]
          else [r12, left(r12, 9), left(r12, 6), ''] end) scope from geo_named)""")
    con.execute("""create or replace temp table geo_road as
        select row_number() over () srid, scope, name road, kind from geo_scoped group by scope, name, kind""")
    con.execute(f"""create or replace temp table geo_index as
        select srid, num, case when count(*) <= {MANY} then list(bid order by bid) else [] end bids
        from geo_scoped s join geo_road r on r.scope = s.scope and r.road = s.name and r.kind = s.kind group by srid, num""")
    con.execute("drop table geo_named; drop table geo_scoped")
