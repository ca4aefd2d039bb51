"""The statistics library: every figure with its vintage; period and cumulative never mixed, units made one per indicator.

Nothing is computed that was not delivered: no month is the difference of two cumulatives, for they may be of different vintages.
January is often not published alone; the cumulative of February then tells of two months (`months`).

A delivered row holds several measures (this month, cumulative, growth) or several regions; each becomes an observation.
A stock (余额, 常住人口) is a level whatever column it stands in; an index or a rate is a level in the month's column.
"""

from etl.engine import literal
from etl.settings import ROOT
from etl.workbench import Workbench

STOCK = "余额|常住人口|户籍人口|保有量|期末|户数$"
INDEX = "指数$|率$"
INTENSITY = "人均|单产"  # per head, per hectare: neither adds up over a year
# the signs of the meteorological exchange formats, old (327xx) and new (9999xx)
MISSING_WEATHER, TRACE_WEATHER = r"(?:32766|999999|999998)(?:\.0+)?", r"(?:32700|999990)(?:\.0+)?"
RULES = ("text", "date", "number", "statistics")  # of sql/rules, in this order


def build(bench: Workbench) -> None:
    """`feed.figure`, `past.figure` → `out.indicator`, `out.observation`."""
    for name in RULES:
        bench.con.execute((ROOT / "sql" / "rules" / f"{name}.sql").read_text(encoding="utf-8"))
    _regions(bench)
    _said(bench)
    _units(bench)
    bench.con.execute("""
        create or replace table out.indicator as
        select indicator_code, any_value(name) as name, any_value(unit) as unit, any_value(dataset) as source_dataset from normal group by indicator_code
    """)
    bench.con.execute("""
        create or replace table out.observation as
        with one as (
            select * from normal
            qualify row_number() over (partition by indicator_code, region_code, object_code, frequency, period, measure, released_on order by dataset, source_key desc) = 1
        ),
        lagged as (
            select *, lag(value) over vintages as before, lag(released_on) over vintages as before_on,
                max(case when measure = 'cumulative' then value end) over beside as so_far
            from one
            window vintages as (partition by indicator_code, region_code, object_code, frequency, period, measure order by released_on),
                beside as (partition by indicator_code, region_code, object_code, frequency, period, released_on)
        ),
        january as (select distinct indicator_code, region_code, left(period, 4) as year from one where frequency = 'M' and right(period, 2) = '01' and measure = 'period' and value is not null)
        select l.indicator_code, l.region_code, object_code, frequency, period, measure, value, case when measure = 'growth' then '%' else unit end as unit,
            original_value, original_unit,
            case when value is null then 'missing' when trace then 'trace' when before_on is not null and before is distinct from value then 'revised' else 'normal' end as status,
            released_on, dataset, source_key,
            case when frequency <> 'M' or value is null then null when measure = 'cumulative' then right(period, 2)::integer
                when measure = 'period' then case when right(period, 2) = '02' and value = so_far and value <> 0 and j.year is null then 2 else 1 end end as months
        from lagged l left join january j on j.indicator_code = l.indicator_code and j.region_code = l.region_code and j.year = left(l.period, 4)
    """)


def _regions(bench: Workbench) -> None:
    """`region_named` (name, code): counties by every spelling; `station` (station, code)."""
    spellings = bench.registry.codes["county"].spellings().items()
    bench.con.execute(
        "create or replace table region_named as select * from (values "
        + ", ".join(f"({literal(n)}, {literal(c.ljust(12, '0'))})" for n, c in spellings)
        + ") t(name, code)"
    )
    stations = bench.registry.codes["weather_station"].codes.items()
    bench.con.execute(
        "create or replace table station as select * from (values "
        + ", ".join(f"({literal(s)}, {literal(c.ljust(12, '0'))})" for s, c in stations)
        + ") t(station, code)"
    )


def _said(bench: Workbench) -> None:
    """`said`: one row per figure and version, whatever the shape of the sheet it stood in."""
    con = bench.con
    con.execute("""
        create or replace table version as
        select * exclude (frequency), coalesce(indicator_prefix, '') || coalesce(indicator, '') as name,
            -- a sheet of a quarter or a year among monthly ones
            case when regexp_full_match(period, '[0-9]{4}-[0-9]{2}') then 'M' when regexp_full_match(period, '[0-9]{4}-Q[1-4]') then 'Q'
                when regexp_full_match(period, '[0-9]{4}') then 'A' else frequency end as frequency
        from (select * from feed.figure union all by name select * from past.figure)
    """)
    con.execute(f"""
        create or replace macro growth_column(n) as regexp_matches(n, '增速|增长|同比');
        create or replace macro measure_of(n, written) as case
            when written = 'growth' then 'growth'
            when regexp_matches(n, '{STOCK}') and written in ('cumulative', 'total') then 'level'
            when regexp_matches(n, '{INDEX}') and written = 'period' then 'level'
            when regexp_matches(n, '{INTENSITY}|{STOCK}') and written = 'total' then 'level'
            when written = 'total' then 'period' else written end;
        create or replace table said as
        with long as (
            select dataset, source_key, delivered_on, name, unit, frequency, period, coalesce(region, '泸州市') as region, object_code, shape,
                unnest([{{'w': 'period', 't': period_value}}, {{'w': 'cumulative', 't': cumulative_value}}, {{'w': 'growth', 't': growth_value}}]) as x
            from version where shape = 'long'
        ),
        weather as (
            select dataset, source_key, delivered_on, name, unit, frequency, period, region, object_code, shape,
                case when name like '%气温' then {{'w': 'level', 't': level_value}} else {{'w': 'period', 't': period_value}} end as x
            from version where shape = 'weather'
        ),
        wide as (
            select dataset, source_key, delivered_on, name, unit, frequency, period, region, object_code, shape, unnest(json_keys(figures)) as head, figures
            from version where figures is not null
        )
        select dataset, source_key, delivered_on, name, unit, frequency, period, region, object_code, measure_of(name, x.w) as measure, x.t as text from long
        union all
        select dataset, source_key, delivered_on, name, unit, frequency, period, region, object_code, x.w, x.t from weather
        union all
        select dataset, source_key, delivered_on, name, unit, frequency, period, head, object_code, measure_of(name, 'total'), figures ->> ('$."' || head || '"')
        from wide where shape = 'counties_as_columns'
        union all
        select dataset, source_key, delivered_on, split_part(head, '/', 1), nullif(regexp_extract(head, '[(（]([^)）]*)[)）]\\s*$', 1), ''), frequency, period, region, object_code,
            measure_of(split_part(head, '/', 1), case when growth_column(head) then 'growth' else 'total' end), figures ->> ('$."' || head || '"')
        from wide where shape = 'indicators_as_columns'
    """)


def _units(bench: Workbench) -> None:
    """`normal`: values as numbers, in the smallest unit that an indicator was ever delivered in.

    What is delivered in units of another kind (吨 beside 元) is an indicator of its own: it cannot be made one.
    """
    bench.con.execute(f"""
        create or replace table normal as
        with read as (
            select s.* exclude (unit), s.unit as original_unit, unit_text(s.unit) as unit, figure_text(text) as bare,
                coalesce(r.code, st.code, case when length(region) = 6 then rpad(region, 12, '0') when length(region) = 12 then region end) as region_code
            from said s left join region_named r on r.name = s.region left join station st on st.station = s.object_code
        ),
        valued as (
            select *, frequency = 'D' and regexp_full_match(bare, '{MISSING_WEATHER}') as gone, frequency = 'D' and regexp_full_match(bare, '{TRACE_WEATHER}') as trace,
                case when measure = 'growth' and text = '持平' then 0 else figure_value(bare, coalesce(unit_scale(unit), 1)) end as number from read
        ),
        main as (
            select dataset, name, arg_max(kind, (n, kind)) as kind -- two kinds as frequent: the same one every time
            from (select dataset, name, unit_kind(unit) as kind, count(*) as n from valued where unit is not null group by all) group by all
        ),
        kinds as (select v.*, coalesce(unit_kind(v.unit), m.kind) as kind, m.kind as main_kind from valued v left join main m using (dataset, name)),
        smallest as (
            select dataset, name, kind, arg_min(unit, (unit_scale(unit), unit)) as unit from kinds where measure <> 'growth' and unit is not null group by dataset, name, kind
        )
        select 'I' || upper(substr(md5(v.dataset || '|' || v.name || case when v.kind <> v.main_kind then '|' || v.kind else '' end), 1, 12)) as indicator_code,
            v.name, coalesce(k.unit, v.unit) as unit, v.dataset, v.source_key, v.region_code, coalesce(v.object_code, '') as object_code, v.frequency, v.period, v.measure,
            case when gone then null when trace then 0.0 when v.measure = 'growth' or k.unit is null or v.unit is null or unit_scale(v.unit) = unit_scale(k.unit) then number
                else round(number * unit_scale(v.unit) / unit_scale(k.unit), 6) end as value,
            v.text as original_value, v.original_unit, v.trace, v.delivered_on as released_on
        from kinds v left join smallest k on k.dataset = v.dataset and k.name = v.name and k.kind is not distinct from v.kind
        where v.region_code is not null and v.period is not null and v.name <> ''
    """)
