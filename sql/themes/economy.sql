-- 经济：各区县的产出、收入与单位数怎样变？哪些行业在增？月度指标走势如何？
create materialized view theme.economy_county as
with newest as (
    select distinct on (o.indicator_code, o.region_code, o.period) o.region_code, o.period, i.name, o.value
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'A' and o.measure in ('period', 'level')
        and i.name in ('地区生产总值', '第一产业增加值', '第二产业增加值', '常住人口', '城镇居民人均可支配收入', '农村居民人均可支配收入')
    order by o.indicator_code, o.region_code, o.period, o.released_on desc
),
wide as (
    select region_code, period, max(value) filter (where name = '地区生产总值') as gdp, max(value) filter (where name = '第一产业增加值') as primary_sector,
        max(value) filter (where name = '第二产业增加值') as secondary_sector, max(value) filter (where name = '常住人口') as residents,
        max(value) filter (where name = '城镇居民人均可支配收入') as urban_income, max(value) filter (where name = '农村居民人均可支配收入') as rural_income
    from newest group by 1, 2
),
standing as (
    select w.region_code, w.period, count(*) as entities
    from (select distinct region_code, period from wide) w
    join legal_entity.entity e on left(e.region_code, 6) = left(w.region_code, 6) or w.region_code like '____00000000'
    where e.established_on <= make_date(left(w.period, 4)::integer, 12, 31) and (e.status = 'open' or e.closed_on > make_date(left(w.period, 4)::integer, 12, 31))
    group by 1, 2
)
select w.period as year, w.region_code, c.name as region, round(w.gdp::numeric, 2) as gdp, round(w.primary_sector::numeric, 2) as primary_sector,
    round(w.secondary_sector::numeric, 2) as secondary_sector, round((w.gdp - w.primary_sector - w.secondary_sector)::numeric, 2) as tertiary_sector,
    w.residents, round((w.gdp / nullif(w.residents, 0) * 10000)::numeric) as gdp_per_head, w.urban_income, w.rural_income, coalesce(s.entities, 0) as entities, c.geom
from wide w
join geospatial.region c on c.code = w.region_code
left join standing s on s.region_code = w.region_code and s.period = w.period;
create unique index on theme.economy_county (region_code, year);
comment on materialized view theme.economy_county is '经济：全市与各区县年度产出、收入，与年末在营单位数';
comment on column theme.economy_county.year is '年度';
comment on column theme.economy_county.region_code is '区划代码（12 位）；市本级为全市';
comment on column theme.economy_county.region is '区划名称';
comment on column theme.economy_county.gdp is '地区生产总值（亿元）';
comment on column theme.economy_county.primary_sector is '第一产业增加值（亿元）';
comment on column theme.economy_county.secondary_sector is '第二产业增加值（亿元）';
comment on column theme.economy_county.tertiary_sector is '第三产业增加值（亿元）：总值减一、二产';
comment on column theme.economy_county.residents is '常住人口（万人，统计口径）';
comment on column theme.economy_county.gdp_per_head is '人均地区生产总值（元）：总值除以常住人口';
comment on column theme.economy_county.urban_income is '城镇居民人均可支配收入（元）';
comment on column theme.economy_county.rural_income is '农村居民人均可支配收入（元）';
comment on column theme.economy_county.entities is '年末在营单位数';
comment on column theme.economy_county.geom is '范围，多面，CGCS2000（EPSG:4490）';

create view theme.economy_industry as
select left(e.region_code, 6) || '000000' as county_code, c.name as county, theme.industry_section(e.industry_code) as section, count(*) as entities,
    count(*) filter (where e.kind = 'enterprise') as enterprises, count(*) filter (where e.established_on > (select theme.business_day()) - interval '1 year') as opened_last_year,
    round(sum(e.registered_capital) filter (where coalesce(e.registered_capital_currency, 'CNY') = 'CNY') / 10000, 2) as capital
from legal_entity.entity e left join geospatial.region c on c.code = left(e.region_code, 6) || '000000'
where e.status = 'open' group by 1, 2, 3;
comment on view theme.economy_industry is '经济：各区县各行业门类的在营单位';
comment on column theme.economy_industry.county_code is '区县代码（12 位）；空为住所不明';
comment on column theme.economy_industry.county is '区县';
comment on column theme.economy_industry.section is '行业门类（GB/T 4754-2017，A 至 T）；空为未填';
comment on column theme.economy_industry.entities is '在营单位数';
comment on column theme.economy_industry.enterprises is '其中企业数';
comment on column theme.economy_industry.opened_last_year is '其中近一年新设';
comment on column theme.economy_industry.capital is '人民币注册资本合计（万元）';

create view theme.economy_month as
with newest as (
    select distinct on (o.indicator_code, o.region_code, o.period, o.measure) i.name, i.unit, o.region_code, o.period, o.measure, o.value
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'M' and i.source_dataset like 'statistics_bureau/%'
    order by o.indicator_code, o.region_code, o.period, o.measure, o.released_on desc
)
select n.period as month, n.region_code, r.name as region, n.name as indicator, n.unit, max(n.value) filter (where measure in ('period', 'level')) as value,
    max(n.value) filter (where measure = 'cumulative') as cumulative, max(n.value) filter (where measure = 'growth') as growth
from newest n left join geospatial.region r on r.code = n.region_code
group by n.period, n.region_code, r.name, n.name, n.unit;
comment on view theme.economy_month is '经济：主要经济指标月度值（最新一版）';
comment on column theme.economy_month.month is '月份，如 2018-01';
comment on column theme.economy_month.region_code is '区划代码（12 位）';
comment on column theme.economy_month.region is '区划名称';
comment on column theme.economy_month.indicator is '指标';
comment on column theme.economy_month.unit is '计量单位';
comment on column theme.economy_month.value is '当月或月末';
comment on column theme.economy_month.cumulative is '累计';
comment on column theme.economy_month.growth is '累计同比增长（%）';
