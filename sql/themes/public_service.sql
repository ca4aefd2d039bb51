-- 公共服务：多少人步行可到文体场馆与避难场所？诉求从哪里来？学校有多少学生？
create materialized view theme.public_service_town as
with spot as (
    select geom, left(residence_region_code, 9) || '000' as town_code, count(*) as n from population.person
    where living_status = 'living' and residence_region_code is not null group by 1, 2
),
reached as (
    select s.town_code, s.n,
        exists (select from geospatial.place p where p.dataset like 'culture/%' and p.geom && st_expand(s.geom, 0.02) and st_dwithin(p.geom::geography, s.geom::geography, 1000, false)) as venue,
        exists (select from geospatial.place p where p.dataset like 'emergency/%' and p.geom && st_expand(s.geom, 0.02) and st_dwithin(p.geom::geography, s.geom::geography, 1000, false)) as shelter
    from spot s
),
counted as (
    select town_code, sum(n)::bigint as n, coalesce(sum(n) filter (where venue), 0)::bigint as venue, coalesce(sum(n) filter (where shelter), 0)::bigint as shelter
    from reached group by 1
),
placed as (
    select t.code as town_code, count(*) filter (where p.dataset like 'culture/%') as venues, count(*) filter (where p.dataset like 'emergency/%') as shelters,
        sum(p.capacity) filter (where p.dataset like 'emergency/%') as capacity
    from geospatial.region t join geospatial.place p on st_intersects(t.geom, st_pointonsurface(p.geom))
    where t.level = 'town' group by 1
)
select t.code as town_code, t.name as town, c.name as county, coalesce(p.venues, 0) as venues, coalesce(p.shelters, 0) as shelters, p.capacity as shelter_capacity,
    theme.shown(n.n) as residents, theme.shown(n.venue, n.n - n.venue) as near_venue, theme.shown(n.shelter, n.n - n.shelter) as near_shelter, t.geom
from geospatial.region t
left join geospatial.region c on c.code = left(t.code, 6) || '000000'
left join counted n on n.town_code = t.code
left join placed p on p.town_code = t.code
where t.level = 'town';
create unique index on theme.public_service_town (town_code);
create index on theme.public_service_town using gist (geom);
comment on materialized view theme.public_service_town is '公共服务：各乡镇街道的文体场馆、避难场所，及住在其一千米内的人口';
comment on column theme.public_service_town.town_code is '乡镇街道代码（12 位）';
comment on column theme.public_service_town.town is '乡镇街道';
comment on column theme.public_service_town.county is '区县';
comment on column theme.public_service_town.venues is '文化体育场馆数';
comment on column theme.public_service_town.shelters is '应急避难场所数';
comment on column theme.public_service_town.shelter_capacity is '避难场所可容纳人数';
comment on column theme.public_service_town.residents is '居住人口；小于 10 不显示';
comment on column theme.public_service_town.near_venue is '其中居住地一千米内有文体场馆的（没有点位的算作没有）；它或其余小于 10 不显示';
comment on column theme.public_service_town.near_shelter is '其中居住地一千米内有避难场所的（没有点位的算作没有）；它或其余小于 10 不显示';
comment on column theme.public_service_town.geom is '范围，多面，CGCS2000（EPSG:4490）';

create view theme.public_service_appeal as
with appeal as (
    select m.dataset, m.source_key, left(m.region_code, 6) || '000000' as county_code from geospatial.address_match m
    where m.dataset like '%/appeals' and m.role = 'place' and m.region_code is not null
),
counted as (
    select a.county_code, count(*) as appeals, count(distinct p.person_id) as appellants,
        count(distinct p.person_id) filter (where p.birth_date <= (select theme.business_day()) - interval '60 years') as elderly
    from appeal a
    left join population.person_record r on r.dataset = a.dataset and r.source_key = a.source_key and r.role = 'appellant'
    left join population.person p using (person_id)
    group by 1
)
select c.code as county_code, c.name as county, theme.shown(n.appeals) as appeals, theme.shown(n.appellants) as appellants, theme.shown(n.elderly, n.appellants - n.elderly) as elderly_appellants,
    c.geom
from geospatial.region c left join counted n on n.county_code = c.code
where c.level = 'county';
comment on view theme.public_service_appeal is '公共服务：各区县发生的群众诉求与诉求人';
comment on column theme.public_service_appeal.county_code is '区县代码（12 位）';
comment on column theme.public_service_appeal.county is '区县';
comment on column theme.public_service_appeal.appeals is '诉求件数（按发生地址）；小于 10 不显示';
comment on column theme.public_service_appeal.appellants is '诉求人数；小于 10 不显示';
comment on column theme.public_service_appeal.elderly_appellants is '其中 60 岁以上；它或其余小于 10 不显示';
comment on column theme.public_service_appeal.geom is '范围，多面，CGCS2000（EPSG:4490）';

create materialized view theme.public_service_school as
select e.entity_id, e.name as school, c.name as county, theme.shown(count(r.source_key)) as students, e.geom
from legal_entity.entity e
left join legal_entity.entity_record r on r.entity_id = e.entity_id and r.role = 'school'
left join geospatial.region c on c.code = left(e.region_code, 6) || '000000'
where e.kind = 'school' and e.status = 'open'
group by e.entity_id, e.name, c.name, e.geom;
create unique index on theme.public_service_school (entity_id);
create index on theme.public_service_school using gist (geom);
comment on materialized view theme.public_service_school is '公共服务：学校与在籍学生';
comment on column theme.public_service_school.entity_id is '单位标识';
comment on column theme.public_service_school.school is '学校';
comment on column theme.public_service_school.county is '区县';
comment on column theme.public_service_school.students is '在籍学生数；小于 10 不显示';
comment on column theme.public_service_school.geom is '点位，CGCS2000（EPSG:4490）';
