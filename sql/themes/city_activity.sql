-- 城市活力：哪里住人、哪里开店办厂、哪里新开的多、哪里关得多？
-- Counts of residents are shown by town only (nowhere by county), so that no difference tells a small cell.
create materialized view theme.city_activity_town as
with resident as (
    select left(residence_region_code, 9) || '000' as town_code, count(*) as n from population.person
    where living_status = 'living' and residence_region_code is not null group by 1
),
entity as (
    select left(a.region_code, 9) || '000' as town_code, count(*) filter (where e.status = 'open') as open_entities,
        count(*) filter (where e.established_on > (select theme.business_day()) - interval '1 year') as opened,
        count(*) filter (where e.status <> 'open' and e.closed_on > (select theme.business_day()) - interval '1 year') as closed
    from legal_entity.entity e join geospatial.address a using (address_code) group by 1
)
select t.code as town_code, t.name as town, c.name as county, theme.shown(r.n) as residents, coalesce(e.open_entities, 0) as open_entities,
    round(1000.0 * coalesce(e.open_entities, 0) / theme.shown(r.n), 1) as entities_per_thousand,
    coalesce(e.opened, 0) as opened_last_year, coalesce(e.closed, 0) as closed_last_year, t.geom
from geospatial.region t
left join geospatial.region c on c.code = left(t.code, 6) || '000000'
left join resident r on r.town_code = t.code
left join entity e on e.town_code = t.code
where t.level = 'town';
create unique index on theme.city_activity_town (town_code);
create index on theme.city_activity_town using gist (geom);
comment on materialized view theme.city_activity_town is '城市活力：各乡镇街道的居住人口、在营单位、每千人单位数、近一年新设与关闭';
comment on column theme.city_activity_town.town_code is '乡镇街道代码（12 位）';
comment on column theme.city_activity_town.town is '乡镇街道';
comment on column theme.city_activity_town.county is '区县';
comment on column theme.city_activity_town.residents is '居住人口（不含死亡、迁出）；小于 10 不显示';
comment on column theme.city_activity_town.open_entities is '在营单位数（含个体工商户）';
comment on column theme.city_activity_town.entities_per_thousand is '每千人在营单位数';
comment on column theme.city_activity_town.opened_last_year is '近一年新设单位数';
comment on column theme.city_activity_town.closed_last_year is '近一年关闭（吊销、注销）单位数';
comment on column theme.city_activity_town.geom is '范围，多面，CGCS2000（EPSG:4490）';

create view theme.city_activity_month as
with span as (
    select (date_trunc('month', (select theme.business_day())) - interval '23 months')::date as since
),
event as (
    select region_code, date_trunc('month', established_on)::date as month, 1 as opened, 0 as closed from legal_entity.entity, span
    where established_on between since and (select theme.business_day())
    union all
    select region_code, date_trunc('month', closed_on)::date, 0, 1 from legal_entity.entity, span
    where status <> 'open' and closed_on between since and (select theme.business_day())
)
select to_char(e.month, 'YYYY-MM') as month, left(e.region_code, 6) || '000000' as county_code, c.name as county, sum(e.opened) as opened, sum(e.closed) as closed,
    sum(e.opened) - sum(e.closed) as net
from event e join geospatial.region c on c.code = left(e.region_code, 6) || '000000'
group by 1, 2, 3;
comment on view theme.city_activity_month is '城市活力：近 24 个月各区县新设、关闭的单位';
comment on column theme.city_activity_month.month is '月份，如 2018-03';
comment on column theme.city_activity_month.county_code is '区县代码（12 位）；住所只到市的单位归市';
comment on column theme.city_activity_month.county is '区县';
comment on column theme.city_activity_month.opened is '新设单位数';
comment on column theme.city_activity_month.closed is '关闭（吊销、注销）单位数';
comment on column theme.city_activity_month.net is '净增单位数';
