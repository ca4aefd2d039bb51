-- 健康保障：哪里老人、幼儿多？建了健康档案的有多少？食品经营许可分布与状态？生育与死亡走势？
create materialized view theme.health_town as
with record as (
    select distinct person_id from population.person_record where dataset like 'health/health_records'
),
aged as (
    select left(p.residence_region_code, 9) || '000' as town_code, extract(year from age((select theme.business_day()), p.birth_date))::integer as years, p.sex_code, h.person_id is not null as recorded
    from population.person p left join record h using (person_id)
    where p.living_status = 'living' and p.residence_region_code is not null
),
counted as (
    select town_code, count(*) as n, count(*) filter (where years between 0 and 6) as young, count(*) filter (where years between 60 and 79) as older,
        count(*) filter (where years >= 80) as oldest, count(*) filter (where years between 15 and 49 and sex_code = '2') as fertile, count(*) filter (where recorded) as recorded
    from aged group by 1
)
select t.code as town_code, t.name as town, c.name as county, theme.shown(n.young, n.rest) as aged_0_6, theme.shown(n.older, n.rest) as aged_60_79, theme.shown(n.oldest, n.rest) as aged_80,
    theme.shown(n.fertile, n.rest - n.fertile) as women_15_49, theme.shown(n.recorded, n.n - n.recorded) as with_health_record,
    case when theme.shown(n.recorded, n.n - n.recorded) is not null then round(100.0 * n.recorded / n.n, 1) end as record_share, t.geom
from geospatial.region t
left join geospatial.region c on c.code = left(t.code, 6) || '000000'
left join (select *, n - young - older - oldest as rest from counted) n on n.town_code = t.code
where t.level = 'town';
create unique index on theme.health_town (town_code);
create index on theme.health_town using gist (geom);
comment on materialized view theme.health_town is '健康保障：各乡镇街道的幼儿、老人、育龄妇女与健康档案覆盖；小于 10 或可由其余推得者不显示';
comment on column theme.health_town.town_code is '乡镇街道代码（12 位）';
comment on column theme.health_town.town is '乡镇街道';
comment on column theme.health_town.county is '区县';
comment on column theme.health_town.aged_0_6 is '0 至 6 岁居住人口';
comment on column theme.health_town.aged_60_79 is '60 至 79 岁居住人口';
comment on column theme.health_town.aged_80 is '80 岁以上居住人口';
comment on column theme.health_town.women_15_49 is '15 至 49 岁女性居住人口';
comment on column theme.health_town.with_health_record is '建有居民健康档案的居住人口';
comment on column theme.health_town.record_share is '健康档案覆盖率（%）';
comment on column theme.health_town.geom is '范围，多面，CGCS2000（EPSG:4490）';

create view theme.health_food_town as
with licence as (
    select left(a.region_code, 9) || '000' as town_code, c.status, c.valid_to
    from certificate.certificate c join legal_entity.entity e using (entity_id) join geospatial.address a on a.address_code = e.address_code
    where c.dataset like 'food_drug/%'
)
select t.code as town_code, t.name as town, c.name as county, count(l.status) filter (where l.status = 'valid') as valid,
    count(l.status) filter (where l.status = 'valid' and l.valid_to <= (select theme.business_day()) + 90) as expiring, count(l.status) filter (where l.status <> 'valid') as not_valid, t.geom
from geospatial.region t
left join geospatial.region c on c.code = left(t.code, 6) || '000000'
left join licence l on l.town_code = t.code
where t.level = 'town'
group by t.code, t.name, c.name, t.geom;
comment on view theme.health_food_town is '健康保障：各乡镇街道的食品经营许可（按持证单位住所）';
comment on column theme.health_food_town.town_code is '乡镇街道代码（12 位）';
comment on column theme.health_food_town.town is '乡镇街道';
comment on column theme.health_food_town.county is '区县';
comment on column theme.health_food_town.valid is '有效许可数';
comment on column theme.health_food_town.expiring is '其中 90 天内到期';
comment on column theme.health_food_town.not_valid is '过期、吊销、注销、暂扣的许可数';
comment on column theme.health_food_town.geom is '范围，多面，CGCS2000（EPSG:4490）';

create materialized view theme.health_quarter as
with span as (
    select (date_trunc('quarter', (select theme.business_day())) - interval '33 months')::date as since
),
event as (
    select p.birth_date as day, 1 as born, 0 as died from population.person p, span
    where p.birth_date between since and (select theme.business_day())
        and exists (select from population.person_record r where r.person_id = p.person_id and r.dataset like 'health/birth_certificates' and r.role = 'child')
    union all
    select death_date, 0, 1 from population.person, span where living_status = 'dead' and death_date between since and (select theme.business_day())
)
select to_char(day, 'YYYY"-Q"Q') as quarter, theme.shown(sum(born)) as births, theme.shown(sum(died)) as deaths from event group by 1;
create unique index on theme.health_quarter (quarter);
comment on materialized view theme.health_quarter is '健康保障：近 12 个季度全市出生（有出生医学证明的）与死亡人数；小于 10 不显示';
comment on column theme.health_quarter.quarter is '季度，如 2018-Q1';
comment on column theme.health_quarter.births is '出生人数';
comment on column theme.health_quarter.deaths is '死亡人数';
