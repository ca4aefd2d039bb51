-- 交通：客货运量走势如何？道路运输许可在哪里、有多少快到期、持证企业有没有被处罚？
create view theme.transport_month as
with newest as (
    select distinct on (o.indicator_code, o.region_code, o.period, o.measure) i.name, i.unit, o.region_code, o.period, o.measure, o.value
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'M' and i.source_dataset like 'transport/%'
    order by o.indicator_code, o.region_code, o.period, o.measure, o.released_on desc
)
select period as month, region_code, name as indicator, unit, max(value) filter (where measure in ('period', 'level')) as value,
    max(value) filter (where measure = 'cumulative') as cumulative, max(value) filter (where measure = 'growth') as growth
from newest group by period, region_code, name, unit;
comment on view theme.transport_month is '交通：公路、水路、民航、港口月度运量（最新一版）';
comment on column theme.transport_month.month is '月份，如 2018-01';
comment on column theme.transport_month.region_code is '区划代码（12 位）';
comment on column theme.transport_month.indicator is '指标';
comment on column theme.transport_month.unit is '计量单位';
comment on column theme.transport_month.value is '当月';
comment on column theme.transport_month.cumulative is '累计';
comment on column theme.transport_month.growth is '累计同比增长（%）';

create view theme.transport_county as
with penalised as (  -- what is repaired or no longer shown tells nothing, here either
    select distinct entity_id from credit.public_penalty where entity_id is not null and decided_on > (select theme.business_day()) - interval '1 year'
),
licence as (
    select left(e.region_code, 6) || '000000' as county_code, c.status, c.valid_to, c.entity_id, p.entity_id is not null as penalised
    from certificate.certificate c join legal_entity.entity e using (entity_id) left join penalised p using (entity_id)
    where c.dataset like 'transport/%'
)
select r.code as county_code, r.name as county, count(l.status) filter (where l.status = 'valid') as valid,
    count(l.status) filter (where l.status = 'valid' and l.valid_to <= (select theme.business_day()) + 90) as expiring, count(l.status) filter (where l.status <> 'valid') as not_valid,
    count(distinct l.entity_id) filter (where l.status = 'valid') as operators, count(distinct l.entity_id) filter (where l.penalised) as penalised_operators, r.geom
from geospatial.region r left join licence l on l.county_code = r.code
where r.level = 'county'
group by r.code, r.name, r.geom;
comment on view theme.transport_county is '交通：各区县的道路运输经营许可与经营者';
comment on column theme.transport_county.county_code is '区县代码（12 位）';
comment on column theme.transport_county.county is '区县';
comment on column theme.transport_county.valid is '有效许可数';
comment on column theme.transport_county.expiring is '其中 90 天内到期';
comment on column theme.transport_county.not_valid is '过期、吊销、注销、暂扣的许可数';
comment on column theme.transport_county.operators is '持有效许可的经营者数';
comment on column theme.transport_county.penalised_operators is '近一年受过行政处罚（在公示期内、未修复）的经营者数';
comment on column theme.transport_county.geom is '范围，多面，CGCS2000（EPSG:4490）';
