-- 单位是哪些年成立的，在哪些区县？
select
    case
        when e.established_on is null then '不详'
        when e.established_on < '2000-01-01' then '2000年以前'
        else (year / 5 * 5) || '-' || (year / 5 * 5 + 4) || '年'
    end as founded,
    coalesce(c.name, '不详') as county,
    count(*) as entities
from legal_entity.entity e
cross join lateral (select extract(year from e.established_on)::integer as year) y
left join geospatial.region c on c.code = left(e.region_code, 6) || '000000' and c.level = 'county'
group by 1, 2
