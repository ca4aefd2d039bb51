-- 旅游：场馆周边吃住方便吗？旅游收入与客流走势如何？哪几个月气候舒适？
create materialized view theme.tourism_venue as
select p.dataset, p.source_key, p.name as venue, p.category, r.name as county,
    count(e.entity_id) filter (where e.industry_code ~ '^[A-T]?61') as lodging, count(e.entity_id) filter (where e.industry_code ~ '^[A-T]?62') as catering,
    count(e.entity_id) filter (where e.industry_code ~ '^[A-T]?52') as shops, p.geom
from geospatial.place p
left join geospatial.region r on r.level = 'county' and st_intersects(r.geom, p.geom)
left join legal_entity.entity e on e.status = 'open' and e.geom && st_expand(p.geom, 0.02) and st_dwithin(e.geom::geography, p.geom::geography, 1000, false)
where p.dataset like 'culture/%'
group by p.dataset, p.source_key, p.name, p.category, r.name, p.geom;
create unique index on theme.tourism_venue (dataset, source_key);
create index on theme.tourism_venue using gist (geom);
comment on materialized view theme.tourism_venue is '旅游：文化体育场馆，及一千米内的住宿、餐饮、零售单位';
comment on column theme.tourism_venue.dataset is '数据集';
comment on column theme.tourism_venue.source_key is '场馆编号';
comment on column theme.tourism_venue.venue is '场馆';
comment on column theme.tourism_venue.category is '类别';
comment on column theme.tourism_venue.county is '区县';
comment on column theme.tourism_venue.lodging is '一千米内住宿单位数（GB/T 4754 大类 61）';
comment on column theme.tourism_venue.catering is '一千米内餐饮单位数（大类 62）';
comment on column theme.tourism_venue.shops is '一千米内零售单位数（大类 52）';
comment on column theme.tourism_venue.geom is '位置，CGCS2000（EPSG:4490）';

create view theme.tourism_month as
with newest as (
    select distinct on (o.indicator_code, o.region_code, o.period, o.measure) i.name, i.unit, o.region_code, o.period, o.measure, o.value
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'M' and i.name ~ '旅游|旅客|客运|游客'
    order by o.indicator_code, o.region_code, o.period, o.measure, o.released_on desc
)
select period as month, region_code, name as indicator, unit, max(value) filter (where measure in ('period', 'level')) as value,
    max(value) filter (where measure = 'cumulative') as cumulative, max(value) filter (where measure = 'growth') as growth
from newest group by period, region_code, name, unit;
comment on view theme.tourism_month is '旅游：旅游收入与客流的月度指标';
comment on column theme.tourism_month.month is '月份，如 2018-01';
comment on column theme.tourism_month.region_code is '区划代码（12 位）';
comment on column theme.tourism_month.indicator is '指标';
comment on column theme.tourism_month.unit is '计量单位';
comment on column theme.tourism_month.value is '当月';
comment on column theme.tourism_month.cumulative is '累计';
comment on column theme.tourism_month.growth is '累计同比增长（%）';

create materialized view theme.tourism_climate as
with newest as (
    select distinct on (o.indicator_code, o.region_code, o.object_code, o.period) o.region_code, o.object_code, o.period, i.name, o.value, o.status
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'D' and i.name in ('平均气温', '最高气温', '最低气温', '降水量')
    order by o.indicator_code, o.region_code, o.object_code, o.period, o.released_on desc
),
day as (
    select region_code, object_code, period, max(value) filter (where name = '平均气温') as mean, max(value) filter (where name = '最高气温') as high,
        max(value) filter (where name = '最低气温') as low, max(value) filter (where name = '降水量') as rain
    from newest group by 1, 2, 3
)
select left(d.period, 7) as month, d.region_code as county_code, r.name as county, count(*) as days, round(avg(d.mean)::numeric, 1) as mean_temperature, round(sum(d.rain)::numeric, 1) as rainfall,
    count(*) filter (where d.rain >= 0.1) as rainy_days, count(*) filter (where d.high <= 28 and d.low >= 8 and coalesce(d.rain, 0) < 1) as comfortable_days
from day d left join geospatial.region r on r.code = d.region_code
group by 1, 2, 3;
create unique index on theme.tourism_climate (month, county_code);
comment on materialized view theme.tourism_climate is '旅游：各区县逐月气温、降水与舒适日数';
comment on column theme.tourism_climate.month is '月份，如 2018-01';
comment on column theme.tourism_climate.county_code is '区县代码（12 位）';
comment on column theme.tourism_climate.county is '区县';
comment on column theme.tourism_climate.days is '有记录的站日数';
comment on column theme.tourism_climate.mean_temperature is '平均气温（℃）';
comment on column theme.tourism_climate.rainfall is '降水量（mm，各站合计）';
comment on column theme.tourism_climate.rainy_days is '有雨的站日数（降水 0.1 mm 以上）';
comment on column theme.tourism_climate.comfortable_days is '舒适的站日数：最高 28 ℃ 以下、最低 8 ℃ 以上、降水不足 1 mm';
