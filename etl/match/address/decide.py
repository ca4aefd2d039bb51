"""Readings and plates → one answer for each text: the plate when only one fits, else how far the text is understood."""

import duckdb

NEAR = 0.4  # two plates whose costs differ by less than this cannot be told apart
CEILING = 2.0  # a plate dearer than this is not taken

# What the estate's name adds: agreement speaks for the premise; another known estate, or a known one where there is none, against it;
# an unknown name is perhaps a shop's. One character too many before a building is rather a garbled number than a name.
ESTATE_COST = """case when p.est is null then case when b.est is null or p.b is not null then 0 else 0.5 end
              when p.est = b.est then -0.5
              when b.est is null then case when e.est is null then 0.2 else 2.2 end
              when p.b is not null and starts_with(p.est, b.est) and length(p.est) = length(b.est) + 1
                and right(p.est, 1) not in ('内', '里', '区', '苑', '园', '院') then 2.2
              when one_off(p.est, b.est) then 0.0
              when starts_with(b.est, p.est) or starts_with(p.est, b.est) or e.est is null then 0.3
              else 1.8 end"""


def answer(con: duckdb.DuckDBPyConnection, out: str) -> None:
    """Creates `out` (text, hint_region, address_code, region_code, level, score, runner_up)."""
    _hits(con)
    _best(con)
    _coarse(con)
    con.execute(f"""create or replace table {out} as
        select i.text, i.hint hint_region, b.code address_code, rpad(nullif(coalesce(b.r12, c.scope), ''), 12, '0') region_code,
          coalesce(b.level, c.level, 'none') as level, round(coalesce(b.score, c.score, 0), 4)::double score, round(coalesce(b.runner_up,
            0), 4)::double runner_up
        from geo_in i left join geo_best b using (tid) left join geo_coarse c using (tid)""")


def _hits(con: duckdb.DuckDBPyConnection) -> None:
    """geo_hit(tid, bid, r12, cost, code, level): every premise that a text may mean, with the plate that would be its.

    A plate is refused (code NULL) when the text carries a building or unit that the premise does not have, or when part of it
    could not be read: the finest plate that the text carries, or none.
    """
    con.execute("""create or replace temp macro one_off(a, b) as
        (length(a) = length(b) and len(list_filter(generate_series(1, length(a)), lambda i: substr(a, i, 1) <> substr(b, i, 1))) = 1)
        or (abs(length(a) - length(b)) = 1 and list_contains(list_transform(generate_series(1, greatest(length(a), length(b))),
          lambda i: case when length(a) > length(b) then left(a, i - 1) || substr(a, i + 1) = b
            else left(b, i - 1) || substr(b, i + 1) = a end), true))""")
    con.execute(f"""create or replace temp table geo_hit as
        with pointed as (
          select p.tid, unnest(i.bids) bid, r.cost, r.scope = '' anywhere
          from geo_text p join geo_reading r using (kid) join geo_index i on i.srid = r.srid and i.num = coalesce(p.num, '')),
        nearest as (select tid, bid, min(cost) as cost, bool_and(anywhere) anywhere from pointed group by tid, bid),
        estate as (select distinct est from geo_base where est is not null),
        seen as (
          select n.tid, n.bid, n.cost, b.r12, p.b, p.u, p.odd, b.code, b.has_buildings,
            anywhere and c.scope is not null and c.scope <> left(b.r12, 6) elsewhere, {ESTATE_COST} est_cost,
            case when p.sub is not distinct from b.sub then 0 when b.sub is null then 0.1 else 9 end sub_cost
          from nearest n join geo_text p using (tid) join geo_base b using (bid) left join estate e on e.est = p.est
            left join geo_node c on anywhere and c.scope = left(p.hint, 6)),
        housed as (
          select s.*, h.bid is not null has_it, h.code h_code, n.code n_code, k.units_kept
          from seen s left join geo_building h on h.bid = s.bid and h.b = s.b
            left join geo_unit n on n.bid = s.bid and n.b = s.b and n.u = s.u
            cross join (select (select count(*) from geo_unit) >= 0.1 * (select count(*) from geo_building) units_kept) k),
        fit as (
          select tid, bid, r12, greatest(0, cost + est_cost + case when has_it and cost > 0 then -0.3 else 0 end) + sub_cost cost,
            case when elsewhere then null when not has_buildings then code when odd and (u is null or b is null) then null
              when b is null then code when not has_it then null when u is null or not units_kept then h_code else n_code end code,
            case when b is null or not has_buildings then 'number' when u is null or not units_kept then 'building' else 'unit' end as level
          from housed)
        select tid, bid, r12, cost + case when code is null then 1 else 0 end as cost, code, level from fit""")


def _best(con: duckdb.DuckDBPyConnection) -> None:
    """geo_best(tid, code, r12, level, score, runner_up): the plate, where one stands alone (with the hint's help, if need be)."""
    con.execute("""create or replace temp table geo_first as
        select tid, count(*) n, min(cost) least, any_value(code) code, any_value(r12) r12, any_value(level) as level from geo_hit
          group by tid""")
    con.execute(f"""create or replace temp table geo_best as
        with several as (select h.*, p.hint, f.least from geo_hit h join geo_first f using (tid) join geo_text p using (tid) where f.n > 1),
        near as (select *, case when hint is null then 0 when r12 = left(hint, 12) then 3 when left(r12, 9) = left(hint, 9) then 2
            when left(r12, 6) = left(hint, 6) then 1 else 0 end agrees from several where cost < least + {NEAR}),
        favoured as (select *, max(agrees) over (partition by tid) most from near),
        chosen as (select tid, min(least) as cost, min(code) code, min(r12) r12, min(level) as level from favoured where agrees = most
          group by tid having count(*) = 1),
        second as (select tid, min(cost) as cost from several where cost >= least + {NEAR} group by tid),
        one as (select tid, least as cost, code, r12, level, null::double next_cost from geo_first where n = 1
          union all select c.tid, c.cost, code, r12, level, s.cost from chosen c left join second s using (tid))
        select o.tid, o.code, o.r12, o.level, {_score("o.cost")} score, case when next_cost is null then 0
          else {_score("next_cost")} end runner_up
        from one o join geo_text p using (tid) where o.code is not null and o.cost <= {CEILING} and not p.vague""")
    con.execute("drop table geo_first")


def _score(cost: str) -> str:
    """SQL: the share of plates of that cost that were right among texts with invented errors (tests/unit/address/test_errors.py)."""
    return f"greatest(0.0, 0.9997 - 0.004 * {cost} - 0.002 * {cost} * {cost})"


def _coarse(con: duckdb.DuckDBPyConnection) -> None:
    """geo_coarse(tid, scope, level, score): for texts without a plate, the division that all cheapest readings share."""
    con.execute("""create or replace temp table geo_coarse as
        with lost as (select tid, kid from geo_text where tid not in (select tid from geo_best)),
        least as (select kid, min(cost) as cost from geo_reading group by kid),
        said as (select kid, r.scope, r.cost, coalesce(d.kind, '') kind from geo_reading r join least using (kid) left
          join geo_road d using (srid)
          where r.cost <= least.cost + 0.1),
        told as (select kid, min(scope) low, max(scope) high, bool_or(kind in ('r', 'g', 'e')) road, min(cost) as cost from said
          group by kid),
        shared as (select kid, road, cost, case when low = high then low when left(low, 9) = left(high, 9) and length(low) >= 9
          then left(low, 9)
            when left(low, 6) = left(high, 6) and length(low) >= 6 then left(low, 6) else '' end scope from told),
        placed as (select tid, min(r12) low, max(r12) high from geo_hit join lost using (tid) where cost < 1.4 group by tid)
        select l.tid, case when p.low is null then s.scope when p.low = p.high then p.low when left(p.low, 9) = left(p.high, 9)
          then left(p.low, 9) else s.scope end scope,
          case when s.scope = '' then 'none' when s.road then 'road' when length(s.scope) = 12 then 'community' when length(s.scope) = 9
            then 'town' else 'county' end as level,
          case when s.scope = '' then 0 else greatest(0.0, 0.99 - 0.1 * s.cost) end score
        from lost l join shared s using (kid) left join placed p using (tid)""")
