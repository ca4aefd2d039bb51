-- 社会保障：劳动年龄人口参保多少？困难群众在哪里？哪些行业的单位参保少？
create materialized view theme.social_security_county as
with covered as (
    select person_id, bool_or(dataset = 'human_resources/insured_persons') as insured, bool_or(dataset = 'housing_fund/accounts') as fund,
        bool_or(dataset = 'civil_affairs/subsistence_allowance') as allowance, bool_or(dataset = 'poverty_relief/registered_households') as poor
    from population.person_record
    where dataset in ('human_resources/insured_persons', 'housing_fund/accounts', 'civil_affairs/subsistence_allowance', 'poverty_relief/registered_households')
    group by 1
),
resident as (
    select left(p.residence_region_code, 6) || '000000' as county_code, extract(year from age((select theme.business_day()), p.birth_date)) between 16 and 59 as working, v.*
    from population.person p left join covered v using (person_id)
    where p.living_status = 'living' and p.residence_region_code is not null
),
counted as (
    select county_code, count(*) as n, count(*) filter (where working) as working, count(*) filter (where working and insured) as insured,
        count(*) filter (where working and fund) as fund, count(*) filter (where allowance) as allowance, count(*) filter (where poor) as poor,
        count(*) filter (where poor and working) as poor_working, count(*) filter (where poor and working and insured) as poor_insured
    from resident group by 1
)
select c.code as county_code, c.name as county, theme.shown(n.working, n.n - n.working) as aged_16_59, theme.shown(n.insured, n.working - n.insured) as insured,
    case when theme.shown(n.insured, n.working - n.insured) is not null then round(100.0 * n.insured / n.working, 1) end as insured_share,
    theme.shown(n.fund, n.working - n.fund) as with_housing_fund, theme.shown(n.allowance, n.n - n.allowance) as allowance_households, theme.shown(n.poor, n.n - n.poor) as registered_poor,
    theme.shown(n.poor_insured, n.poor_working - n.poor_insured) as registered_poor_insured, c.geom
from geospatial.region c left join counted n on n.county_code = c.code
where c.level = 'county';
create unique index on theme.social_security_county (county_code);
comment on materialized view theme.social_security_county is '社会保障：各区县劳动年龄人口的参保与公积金，低保与建档立卡；小于 10 或可由其余推得者不显示';
comment on column theme.social_security_county.county_code is '区县代码（12 位）';
comment on column theme.social_security_county.county is '区县';
comment on column theme.social_security_county.aged_16_59 is '16 至 59 岁居住人口';
comment on column theme.social_security_county.insured is '其中参加社会保险的';
comment on column theme.social_security_county.insured_share is '参保率（%）';
comment on column theme.social_security_county.with_housing_fund is '其中有住房公积金账户的';
comment on column theme.social_security_county.allowance_households is '城乡低保户（户主）数';
comment on column theme.social_security_county.registered_poor is '建档立卡贫困人口';
comment on column theme.social_security_county.registered_poor_insured is '建档立卡的 16 至 59 岁人口中参保的';
comment on column theme.social_security_county.geom is '范围，多面，CGCS2000（EPSG:4490）';

create materialized view theme.social_security_industry as
with staff as (
    select entity_id, count(distinct person_id) as n from population.employment where until is null group by 1
)
select theme.industry_section(e.industry_code) as section, e.kind, count(*) as entities, count(s.entity_id) as with_staff, theme.shown(sum(s.n)::bigint) as staff
from legal_entity.entity e left join staff s using (entity_id)
where e.status = 'open' group by 1, 2;
create unique index on theme.social_security_industry (section, kind);
comment on materialized view theme.social_security_industry is '社会保障：各行业、各类在营单位中有参保或公积金职工的单位与职工数；职工数小于 10 不显示';
comment on column theme.social_security_industry.section is '行业门类（GB/T 4754-2017，A 至 T）；空为未填';
comment on column theme.social_security_industry.kind is '单位种类：enterprise 企业，self_employed 个体工商户，social_organization 社会组织，public_institution 机关事业单位，cooperative 合作社，school 学校，other 其他';
comment on column theme.social_security_industry.entities is '在营单位数';
comment on column theme.social_security_industry.with_staff is '其中有职工记录的单位数';
comment on column theme.social_security_industry.staff is '职工数';
