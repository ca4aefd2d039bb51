-- 各区县的家庭户有多大？
select
    county_code,
    coalesce(c.name, '不详') as county,
    case when members >= 6 then '6人以上' else members || '人' end as size,
    count(*) as households
from (
    select p.household_id, left(min(p.registered_region_code), 6) || '000000' as county_code, count(*) as members
    from population.person p
    where p.living_status = 'living' and p.household_id is not null and p.registered_region_code is not null
    group by p.household_id
) h
left join geospatial.region c on c.code = h.county_code and c.level = 'county'
group by 1, 2, 3
